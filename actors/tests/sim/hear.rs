//! A client takes in an event, and objects to what it should not be told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::view::{View, content, list, text};

/// An event with its envelope.
#[derive(Debug)]
pub struct Event<'a> {
    pub namespace: &'a str,
    pub message: &'a str,
    pub at: &'a Value,
    pub payload: &'a Value,
}

impl<'a> Event<'a> {
    pub fn new(envelope: &'a Value) -> Option<Self> {
        let payload = &envelope["payload"];
        // A recorder gets orders.
        let name = payload.get("message").unwrap_or(&payload["action"]);
        Some(Self {
            namespace: envelope["namespace"].as_str()?,
            message: name.as_str()?,
            at: &envelope["timestamp"],
            payload: &envelope["payload"],
        })
    }

    fn id(&self) -> String {
        text(&self.payload["id"])
    }
}

type Heard = Result<(), String>;

impl View {
    /// Takes in an event that came after `join_success`.
    pub fn hear(&mut self, event: &Event<'_>) -> Heard {
        match event.namespace {
            "control" => self.hear_control(event),
            "moderation" => self.hear_moderation(event),
            "chat" => self.hear_chat(event),
            "breakout" => self.hear_breakout(event),
            "timer" => self.hear_timer(event),
            "polls" => self.hear_polls(event),
            "legal_vote" => self.hear_votes(event),
            "livekit" => {
                self.hear_livekit(event);
                Ok(())
            }
            // An answer: nothing of it is state.
            "meeting_report" => Ok(()),
            "training_participation_report" => self.hear_training(event),
            "automod" => self.hear_automod(event),
            "shared_folder" => {
                self.folder = Some(json!(content(event.payload)));
                Ok(())
            }
            "recording" => self.hear_recording(event),
            "recording_service" if self.orders.is_some() => Ok(()),
            "whiteboard" => self.hear_whiteboard(event),
            "subroom_audio" => self.hear_whisper(event),
            "meeting_notes" => {
                if let "write_url" | "read_url" = event.message {
                    let readonly = event.message == "read_url";
                    self.notes = Some((text(&event.payload["url"]), readonly));
                }
                Ok(())
            }
            other => Err(format!("an event of {other}")),
        }
    }

    fn hear_control(&mut self, event: &Event<'_>) -> Heard {
        let id = event.id();
        match event.message {
            "joined" | "update" => {
                if id == self.id {
                    return Err("its own entry".to_owned());
                }
                let is_here = self.is_here(&id);
                let before = self.show(event.payload);
                let expected = match event.message {
                    "joined" => !is_here,
                    _ => before.is_some(),
                };
                if !expected {
                    return Err(format!("{} of {before:?}", event.message));
                }
            }
            "left" => {
                if !self.is_here(&id) || id == self.id {
                    return Err(format!("{id} left, who was not here"));
                }
                if let Some(entry) = self.others.get_mut(&id) {
                    entry["control"]["left_at"] = event.at.clone();
                    entry["control"]["hand_is_up"] = json!(false);
                    // Whether somebody agrees to be recorded counts while it is there.
                    entry.as_object_mut().map(|entry| entry.remove("recording"));
                }
            }
            "hand_raised" => self.hand = Some(true),
            "hand_lowered" => self.hand = Some(false),
            "role_updated" => {
                self.role = event.payload["new_role"].clone();
                // Who becomes a moderator is told who waits; nobody else hears of it reliably.
                let is_told = self.is_moderator() && !self.fixed["tariff"]["modules"]["moderation"].is_null();
                (self.waiting, self.waiting_room) = (None, None);
                if is_told {
                    (self.waiting, self.waiting_room) = (Some(BTreeMap::new()), Some(false));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn hear_moderation(&mut self, event: &Event<'_>) -> Heard {
        let (id, payload) = (event.id(), event.payload);
        match event.message {
            "joined_waiting_room" => {
                let control = &payload["control"];
                if self.is_here(&id) {
                    return Err(format!("{id} waits and is here"));
                }
                // Whoever was here before may come back under another name, with another role.
                if let Some(known) = self.others.get_mut(&id) {
                    for field in ["display_name", "role"] {
                        known["control"][field] = control[field].clone();
                    }
                }
                // Told again after `join_success`, where the list there is not looked at.
                if let Some(waiting) = &mut self.waiting
                    && let Some(known) = waiting.insert(id.clone(), control.clone())
                    && (known != *control || self.waiting_room == Some(true))
                {
                    return Err(format!("{id} waits twice"));
                }
            }
            "left_waiting_room" => {
                if let Some(waiting) = &mut self.waiting
                    && waiting.remove(&id).is_none()
                {
                    return Err(format!("{id} did not wait"));
                }
            }
            "waiting_room_enabled" => self.waiting_room = Some(true),
            "waiting_room_disabled" => self.waiting_room = Some(false),
            "raise_hands_enabled" => self.raise_hands = true,
            "raise_hands_disabled" => {
                (self.raise_hands, self.hand) = (false, self.hand.map(|_| false));
            }
            "raised_hand_reset_by_moderator" => self.hand = Some(false),
            "display_name_changed" => self.rename(&text(&payload["target"]), &payload["new_name"]),
            "in_waiting_room" => return Err("waits, and was not sent out".to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn hear_chat(&mut self, event: &Event<'_>) -> Heard {
        match event.message {
            "message_sent" => self.hear_message(event),
            "chat_enabled" | "chat_disabled" => {
                self.chat = event.message == "chat_enabled";
                Ok(())
            }
            "history_cleared" => {
                self.histories.insert(super::view::Scope::Room, Vec::new());
                self.expect_here(&event.payload["issued_by"])
            }
            _ => Ok(()),
        }
    }

    fn hear_message(&mut self, event: &Event<'_>) -> Heard {
        let mut message = content(event.payload);
        message.insert("timestamp".to_owned(), event.at.clone());
        let message = Value::Object(message);
        // What is private comes from whatever room of the meeting.
        if message["scope"] != "private" {
            self.expect_here(&message["source"])?;
        }
        let scope = self.scope_of(&message);
        let is_mine = message["source"] == *self.id;
        match message["scope"].as_str() {
            Some("private") if !is_mine && message["target"] != *self.id => {
                return Err("a private message of others".to_owned());
            }
            Some("group") if !self.histories.contains_key(&scope) => {
                return Err("a message of a group that it is not in".to_owned());
            }
            _ => {}
        }
        let history = self.histories.entry(scope).or_default();
        if let Some(known) = history.iter().find(|known| known["id"] == message["id"]) {
            // What is private is told again to who comes back: clients know it by source and time.
            let is_told_again = message["scope"] == "private" && *known == message;
            return is_told_again
                .then_some(())
                .ok_or_else(|| "a message twice".to_owned());
        }
        history.push(message);
        Ok(())
    }

    fn expect_here(&self, id: &Value) -> Heard {
        if self.is_here(&text(id)) {
            Ok(())
        } else {
            Err(format!("from {id}, who is not in this room"))
        }
    }

    fn hear_breakout(&mut self, event: &Event<'_>) -> Heard {
        let (id, payload) = (event.id(), event.payload);
        match event.message {
            "started" => {
                self.breakout = Some(json!({"rooms": payload["rooms"], "expires": payload["expires"]}));
            }
            "stopped" | "expired" => self.breakout = None,
            "joined" => {
                if payload["breakout_room"].as_str() == self.space.as_deref() {
                    return Err("breakout/joined in its own room".to_owned());
                }
                // Also the list of this room shows how one who was here is called now.
                if let Some(known) = self.others.get_mut(&id) {
                    for field in ["display_name", "role"] {
                        known["control"][field] = payload[field].clone();
                    }
                }
                self.elsewhere.insert(id, json!(content(payload)));
            }
            "left" => {
                let known = self.elsewhere.remove(&id);
                let room = known.as_ref().map(|known| &known["breakout_room"]);
                if room.is_some_and(|room| *room != payload["breakout_room"])
                    || (room.is_none() && self.knows_elsewhere && self.is_open(&payload["breakout_room"]))
                {
                    return Err(format!("left another room, and was {known:?}"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn hear_timer(&mut self, event: &Event<'_>) -> Heard {
        let running = self.timer.as_ref().map(|timer| timer["timer_id"].clone());
        let is_running = running.as_ref() == Some(&event.payload["timer_id"]);
        match event.message {
            "started" if running.is_none() => self.timer = Some(json!(content(event.payload))),
            "stopped" if is_running => self.timer = None,
            "updated_ready_status" if is_running => {
                let id = text(&event.payload["participant_id"]);
                self.expect_here(&event.payload["participant_id"])?;
                if event.payload["status"] == true {
                    self.ready.insert(id);
                } else {
                    self.ready.remove(&id);
                }
                return Ok(());
            }
            // Told again to who comes back and may know it.
            "error" | "stopped" => return Ok(()),
            _ => return Err(format!("the timer here is {running:?}")),
        }
        self.ready = BTreeSet::new();
        Ok(())
    }

    fn hear_polls(&mut self, event: &Event<'_>) -> Heard {
        let running = self.poll.as_ref().map(|poll| poll["id"].clone());
        let is_running = running.as_ref() == Some(&event.payload["id"]);
        match event.message {
            "started" if running.is_none() => {
                let mut poll = content(event.payload);
                poll.insert("started".to_owned(), event.at.clone());
                if poll["live"] == true {
                    let nobody = |choice: &Value| json!({"id": choice["id"], "count": 0});
                    let results: Vec<_> = list(&poll["choices"]).iter().map(nobody).collect();
                    poll.insert("results".to_owned(), json!(results));
                }
                self.poll = Some(Value::Object(poll));
            }
            "live_update" if is_running => {
                if let Some(poll) = &mut self.poll {
                    poll["results"] = event.payload["results"].clone();
                }
            }
            "done" if is_running => self.poll = None,
            // Told again to who comes back and may know it.
            "error" | "done" => {}
            _ => return Err(format!("the poll here is {running:?}")),
        }
        Ok(())
    }

    fn hear_votes(&mut self, event: &Event<'_>) -> Heard {
        let id = text(&event.payload["legal_vote_id"]);
        let mut told = content(event.payload);
        if event.message == "started" {
            if self
                .running_vote()
                .is_some_and(|vote| vote["legal_vote_id"] != *id)
            {
                return Err(format!("vote {id} begins while another runs"));
            }
            told.insert("state".to_owned(), json!("started"));
            self.votes.insert(id, Value::Object(told));
            return Ok(());
        }
        if ["error", "pdf_asset"].contains(&event.message) || event.payload["response"] == "failed" {
            return Ok(());
        }
        let Some(vote) = self.votes.get_mut(&id).and_then(Value::as_object_mut) else {
            return Err(format!("{} of vote {id}, which is unknown", event.message));
        };
        if vote["state"] != "started" {
            return Err(format!("{} of vote {id}, which is over", event.message));
        }
        match event.message {
            "voted" => {
                if vote
                    .get("token")
                    .is_some_and(|token| *token != told["consumed_token"])
                {
                    return Err("voted with a token of somebody else".to_owned());
                }
                vote.remove("token");
            }
            "stopped" => {
                let state = if told["results"] == "valid" {
                    "finished"
                } else {
                    "invalid"
                };
                let kind = match told["kind"].as_str() {
                    Some("by_participant") => "by_user",
                    other => other.unwrap_or_default(),
                };
                let mut so = told.clone();
                so.retain(|field, _| !["results", "kind", "issuer"].contains(&&**field));
                so.insert("state".to_owned(), json!(state));
                if state == "finished" {
                    so.insert("stop_kind".to_owned(), json!(kind));
                }
                vote.remove("token");
                vote.extend(so);
            }
            "canceled" => {
                vote.remove("token");
                vote.extend(told);
                vote.insert("state".to_owned(), json!("canceled"));
            }
            _ => {}
        }
        Ok(())
    }

    fn hear_automod(&mut self, event: &Event<'_>) -> Heard {
        let payload = event.payload;
        let Some(session) = &mut self.automod else {
            match event.message {
                "started" => {
                    let mut session = content(payload);
                    session.insert("speaker".to_owned(), Value::Null);
                    self.automod = Some(Value::Object(session));
                }
                // Told to who comes back and may know one.
                "error" | "stopped" => {}
                other => return Err(format!("automod/{other} without a session")),
            }
            return Ok(());
        };
        let may_hide = ["playlist", "random"]
            .map(Value::from)
            .contains(&session["selection_strategy"]);
        let is_hidden = may_hide && session["show_list"] == false;
        match event.message {
            "speaker_updated" => {
                session["speaker"] = payload["speaker"].clone();
                session["history"] = payload.get("history").cloned().unwrap_or_else(|| json!([]));
                if payload.get("remaining").is_none() != is_hidden {
                    return Err("a list that is hidden is shown, or the other way round".to_owned());
                }
                if let Some(remaining) = payload.get("remaining") {
                    session["remaining"] = remaining.clone();
                }
            }
            "remaining_updated" if !is_hidden => session["remaining"] = payload["remaining"].clone(),
            "start_animation"
                if session["speaker"].is_null() && list(&payload["pool"]).contains(&payload["result"]) => {}
            "stopped" => self.automod = None,
            "error" => {}
            other => return Err(format!("automod/{other}, and the session is {session}")),
        }
        Ok(())
    }

    fn hear_recording(&mut self, event: &Event<'_>) -> Heard {
        if event.message != "stream_updated" {
            return Ok(());
        }
        let mut status = content(event.payload);
        let target = status.remove("target_id").unwrap_or_default();
        if self.space.is_some() || status["status"] == "starting" {
            return Err("it should not be told of that".to_owned());
        }
        // One that was added since is shown to those who come later.
        if let Some(known) = self.targets.get_mut(&text(&target)) {
            *known = Value::Object(status);
        }
        Ok(())
    }

    fn hear_livekit(&mut self, event: &Event<'_>) {
        match event.message {
            "microphone_restrictions_enabled" => {
                let mut restrictions = content(event.payload);
                restrictions.insert("type".to_owned(), json!("enabled"));
                self.restrictions = Value::Object(restrictions);
            }
            "microphone_restrictions_disabled" => self.restrictions = json!({"type": "disabled"}),
            _ => {}
        }
    }

    fn hear_training(&mut self, event: &Event<'_>) -> Heard {
        let is_trainer = self.fixed["is_room_owner"] == true;
        let has_details = event.payload.get("first_checkpoint").is_some();
        let of_trainer = [
            "presence_logging_enabled",
            "presence_logging_disabled",
            "pdf_asset",
        ];
        if !is_trainer && (has_details || of_trainer.contains(&event.message)) {
            return Err("what is for the owner only".to_owned());
        }
        let is_pause = event.payload["reason"] == "last_participant_left";
        let becomes = match event.message {
            // The owner hears beside it whether it is over.
            "presence_logging_ended" if is_trainer => return Ok(()),
            "presence_logging_ended" | "presence_logging_disabled" if !is_pause => "disabled",
            "presence_confirmation_requested" if is_trainer => {
                return Err("the trainer is asked".to_owned());
            }
            "presence_confirmation_requested" => "waiting_for_confirmation",
            "pdf_asset" | "error" => return Ok(()),
            _ => "enabled",
        };
        self.training = json!(becomes);
        Ok(())
    }

    fn hear_whiteboard(&mut self, event: &Event<'_>) -> Heard {
        match event.message {
            "space_url" if self.whiteboard.is_null() => self.whiteboard = event.payload["url"].clone(),
            "space_url" => return Err(format!("the whiteboard here is {}", self.whiteboard)),
            _ => {}
        }
        Ok(())
    }
}
