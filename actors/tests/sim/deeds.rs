//! What people do in a meeting: commands as their clients write them.

use serde_json::{Value, json};

use super::{cast::GROUPS, chance::Chance, view::View, whispers};

/// Somebody whom nobody ever met.
const STRANGER: &str = "99999999-9999-4999-8999-999999999999";

/// A person at work: chance, and what the client shows.
pub struct Deed<'a> {
    pub chance: &'a mut Chance,
    pub view: &'a View,
    /// Breakout rooms, timers and polls that it has seen, running or not.
    pub seen: &'a [String],
}

impl Deed<'_> {
    /// The command's payload.
    pub fn in_namespace(&mut self, namespace: &str) -> Value {
        match namespace {
            "moderation" => self.moderate(),
            "breakout" => self.breakout(),
            "chat" => self.chat(),
            "timer" => self.timer(),
            "polls" => self.polls(),
            "livekit" => self.livekit(),
            "legal_vote" => self.legal_vote(),
            "meeting_report" => self.meeting_report(),
            "training_participation_report" => self.training(),
            "automod" => self.automod(),
            "recording" => self.recording(),
            "meeting_notes" => self.notes(),
            "subroom_audio" => {
                let people = self.some_people();
                whispers::deed(&self.view.whispers, self.chance, &self.view.id, &people)
            }
            "whiteboard" => json!({"action": self.chance.pick(&["initialize", "generate_pdf"])}),
            _ => self.control(),
        }
    }

    fn somebody(&mut self) -> String {
        let mut known: Vec<_> = self.view.others.keys().cloned().collect();
        known.extend(
            self.view
                .waiting
                .iter()
                .flat_map(|waiting| waiting.keys().cloned()),
        );
        known.extend(self.view.elsewhere.keys().cloned());
        known.push(self.view.id.clone());
        if self.chance.one_in(20) {
            known.push(STRANGER.to_owned());
        }
        self.chance.pick(&known).unwrap_or_default()
    }

    fn some_people(&mut self) -> Vec<String> {
        (0..self.chance.below(4)).map(|_| self.somebody()).collect()
    }

    /// What is running, mostly; now and then something else.
    fn running(&mut self, running: Option<&Value>, id: &str) -> Value {
        let old = self.chance.pick(self.seen).unwrap_or_else(|| STRANGER.to_owned());
        match running {
            Some(running) if !self.chance.one_in(8) => running[id].clone(),
            _ => json!(old),
        }
    }

    fn word(&mut self) -> &'static str {
        self.chance
            .pick(&["hello", "Grüße", "ok", "👋🏽 hi", "", "HELLO again"])
            .unwrap_or("")
    }

    fn control(&mut self) -> Value {
        let target = self.somebody();
        let action = self.chance.pick(&[
            "raise_hand",
            "raise_hand",
            "lower_hand",
            "grant_moderator_role",
            "revoke_moderator_role",
            "join",
            "enter_room",
        ]);
        json!({"action": action, "target": target})
    }

    fn moderate(&mut self) -> Value {
        let target = self.somebody();
        let waiting: Vec<_> = self.view.waiting.iter().flatten().map(|(id, _)| id).collect();
        let waiting = self.chance.pick(&waiting);
        if let Some(id) = waiting
            && self.chance.coin()
        {
            return json!({"action": "accept", "target": id});
        }
        let choices = [
            (4, "enable_waiting_room"),
            (4, "disable_waiting_room"),
            (10, "accept"),
            (3, "kick"),
            (1, "ban"),
            (4, "send_to_waiting_room"),
            (1, "debrief"),
            (5, "change_display_name"),
            (3, "enable_raise_hands"),
            (3, "disable_raise_hands"),
            (4, "reset_raised_hands"),
        ];
        let action = self.chance.weighted(&choices).unwrap_or("accept");
        match action {
            "accept" => json!({"action": action, "target": waiting.unwrap_or(&target)}),
            "debrief" => {
                let scope = self.chance.pick(&["guests", "users_and_guests", "all"]);
                json!({"action": action, "kick_scope": scope})
            }
            "change_display_name" => {
                json!({"action": action, "target": target, "new_name": self.word()})
            }
            "reset_raised_hands" if self.chance.coin() => json!({"action": action}),
            "reset_raised_hands" => json!({"action": action, "target": self.some_people()}),
            _ => json!({"action": action, "target": target}),
        }
    }

    fn breakout(&mut self) -> Value {
        if self.chance.one_in(3) || self.view.breakout.is_some() && self.chance.coin() {
            return json!({"action": "stop"});
        }
        let rooms: Vec<_> = (0..self.chance.below(4))
            .map(|number| json!({"name": format!("room {number}"), "assignments": self.some_people()}))
            .collect();
        let mut start = json!({"action": "start", "rooms": rooms});
        if self.chance.coin() {
            start["duration"] = json!(self.chance.between(0, 90));
        }
        start
    }

    fn scope(&mut self, payload: &mut Value) {
        match self.chance.below(5) {
            0 => {
                payload["scope"] = json!("private");
                payload["target"] = json!(self.somebody());
            }
            1 => {
                payload["scope"] = json!("group");
                payload["target"] = json!(self.chance.pick(&GROUPS));
            }
            _ => payload["scope"] = json!("global"),
        }
    }

    fn chat(&mut self) -> Value {
        let choices = [
            (20, "send_message"),
            (2, "set_last_seen_timestamp"),
            (2, "get_history_chunk"),
            (2, "search_history"),
            (1, "enable_chat"),
            (1, "disable_chat"),
            (1, "clear_history"),
        ];
        let action = self.chance.weighted(&choices).unwrap_or("send_message");
        let mut payload = json!({"action": action});
        self.scope(&mut payload);
        match action {
            "send_message" => payload["content"] = json!(self.word()),
            "set_last_seen_timestamp" => payload["timestamp"] = json!("2026-01-01T00:00:00Z"),
            "get_history_chunk" => payload["message_index"] = json!(self.chance.below(6)),
            "search_history" => payload["term"] = json!(self.word()),
            _ => {}
        }
        payload
    }

    fn timer(&mut self) -> Value {
        let id = self.running(self.view.timer.as_ref(), "timer_id");
        let deeds = if self.view.is_moderator() || self.chance.one_in(10) {
            4
        } else {
            1
        };
        match self.chance.below(deeds) {
            1 => json!({"action": "stop", "timer_id": id, "reason": self.word()}),
            0 => json!({"action": "update_ready_status", "timer_id": id, "status": self.chance.coin()}),
            2 => json!({"action": "start", "kind": "stopwatch", "enable_ready_check": self.chance.coin()}),
            _ => json!({
                "action": "start", "kind": "countdown", "duration": self.chance.between(0, 40),
                "title": self.word(), "enable_ready_check": self.chance.coin(),
            }),
        }
    }

    fn polls(&mut self) -> Value {
        let id = self.running(self.view.poll.as_ref(), "id");
        let deeds = if self.view.is_moderator() || self.chance.one_in(10) {
            10
        } else {
            7
        };
        match self.chance.below(deeds) {
            7 => json!({"action": "finish", "id": id}),
            8 | 9 => json!({
                "action": "start", "topic": "lunch", "live": self.chance.coin(),
                "multiple_choice": self.chance.coin(), "choices": ["soup", "rice", "soup"],
                "duration": self.chance.between(2, 40),
            }),
            0..=2 => {
                let choices: Vec<_> = (0..self.chance.below(4)).map(|_| self.chance.below(4)).collect();
                json!({"action": "vote", "poll_id": id, "choice_ids": choices})
            }
            _ => json!({"action": "vote", "poll_id": id, "choice_id": self.chance.below(4)}),
        }
    }

    fn legal_vote(&mut self) -> Value {
        let running = self.view.running_vote();
        let id = running.map_or_else(|| json!(STRANGER), |vote| vote["legal_vote_id"].clone());
        let own = running.and_then(|vote| vote["token"].as_str()).unwrap_or("1");
        let token = if self.chance.one_in(8) { "1111" } else { own };
        let option = self.chance.pick(&["yes", "no", "no", "abstain"]);
        match self.chance.below(if running.is_none() { 2 } else { 12 }) {
            0 => json!({"action": "stop", "legal_vote_id": id}),
            1 => {
                let mut allowed: Vec<_> = self.view.others.keys().cloned().collect();
                allowed.retain(|_| !self.chance.one_in(3));
                allowed.truncate(8);
                allowed.push(self.view.id.clone());
                if self.chance.coin() {
                    // Guests are none who may vote; mostly nobody is named who is one.
                    allowed = vec![self.view.id.clone()];
                }
                let kind = self
                    .chance
                    .pick(&["pseudonymous", "pseudonymous", "roll_call", "live_roll_call"]);
                let duration = self.chance.coin().then(|| self.chance.between(5, 60));
                json!({
                    "action": "start", "kind": kind, "name": "Budget", "allowed_participants": allowed,
                    "enable_abstain": self.chance.coin(), "auto_close": self.chance.coin(), "duration": duration,
                    "create_pdf": self.chance.one_in(3),
                })
            }
            2 if self.chance.one_in(4) => {
                json!({"action": "cancel", "legal_vote_id": id, "reason": self.word()})
            }
            3 => {
                json!({"action": "report_issue", "legal_vote_id": id, "kind": "audio", "description": self.word()})
            }
            4 if self.chance.one_in(3) => json!({"action": "generate_pdf", "legal_vote_id": id}),
            _ => json!({"action": "vote", "legal_vote_id": id, "option": option, "token": token}),
        }
    }

    fn some_targets(&mut self) -> Vec<String> {
        let mut known: Vec<_> = self.view.targets.keys().cloned().collect();
        known.retain(|_| self.chance.coin());
        if self.chance.one_in(20) {
            known.push(STRANGER.to_owned());
        }
        known
    }

    fn recording(&mut self) -> Value {
        if self.chance.one_in(3) {
            return json!({"action": "set_consent", "consent": self.chance.coin()});
        }
        let choices = [(4, "start_stream"), (1, "pause_stream"), (2, "stop_stream")];
        let action = self.chance.weighted(&choices).unwrap_or("start_stream");
        json!({"action": action, "target_ids": self.some_targets()})
    }

    /// What a recorder says of one of its targets.
    pub fn report(&mut self) -> Value {
        let known: Vec<_> = self.view.targets.keys().cloned().collect();
        let target = self.chance.pick(&known).unwrap_or_else(|| STRANGER.to_owned());
        let choices = [
            (6, "active"),
            (2, "paused"),
            (2, "inactive"),
            (1, "starting"),
            (1, "error"),
        ];
        let status = self.chance.weighted(&choices).unwrap_or("active");
        let mut report = json!({"status": status});
        if status == "error" {
            report["reason"] = json!({"code": "full", "message": "No space left"});
        }
        report["message"] = json!("stream_updated");
        report["target_id"] = json!(target);
        report
    }

    fn livekit(&mut self) -> Value {
        let people = self.some_people();
        let action = self.chance.pick(&[
            "create_new_access_token",
            "request_popout_stream_access_token",
            "force_mute",
            "grant_screen_share_permission",
            "revoke_screen_share_permission",
            "enable_microphone_restrictions",
            "disable_microphone_restrictions",
        ]);
        json!({"action": action, "participants": people, "unrestricted_participants": people})
    }

    fn meeting_report(&mut self) -> Value {
        json!({"action": "generate_attendance_report", "include_email_addresses": self.chance.coin()})
    }

    fn training(&mut self) -> Value {
        let choices = match self.view.fixed["is_room_owner"].as_bool() {
            Some(true) => [
                (3, "enable_presence_logging"),
                (2, "disable_presence_logging"),
                (1, "confirm_presence"),
            ],
            _ => [
                (1, "enable_presence_logging"),
                (1, "disable_presence_logging"),
                (8, "confirm_presence"),
            ],
        };
        let action = self.chance.weighted(&choices).unwrap_or("confirm_presence");
        let mut payload = json!({"action": action});
        if self.chance.coin() {
            let within = self.chance.pick(&[0, 20, 700_000]);
            payload["initial_checkpoint_delay"] = json!({"after": self.chance.below(6), "within": within});
        }
        if self.chance.coin() {
            payload["checkpoint_interval"] = json!({"after": self.chance.below(20), "within": 10});
        }
        payload
    }

    /// People of this room, mostly.
    fn speakers(&mut self) -> Value {
        if self.chance.one_in(30) {
            // So long that changes of it are told together.
            return json!(vec![self.view.id.clone(); 4_000]);
        }
        let mut here: Vec<_> = self
            .view
            .others
            .keys()
            .filter(|id| self.view.is_here(id))
            .cloned()
            .collect();
        here.push(self.view.id.clone());
        let mut speakers: Vec<_> = (0..self.chance.between(1, 6))
            .filter_map(|_| self.chance.pick(&here))
            .collect();
        if self.chance.one_in(12) {
            speakers.push(self.somebody());
        }
        json!(speakers)
    }

    fn automod(&mut self) -> Value {
        let speaks = self
            .view
            .automod
            .as_ref()
            .is_some_and(|session| session["speaker"] == *self.view.id);
        if speaks && self.chance.coin() {
            return json!({"action": "yield", "next": self.chance.coin().then(|| self.somebody())});
        }
        let starts = if self.view.automod.is_none() { 12 } else { 1 };
        let choices = [
            (starts, "start"),
            (2, "edit"),
            (1, "stop"),
            (8, "select"),
            (1, "yield"),
        ];
        let action = self.chance.weighted(&choices).unwrap_or("start");
        match action {
            "start" => {
                let strategy = self
                    .chance
                    .pick(&["none", "playlist", "random", "random", "nomination"]);
                json!({
                    "action": action, "selection_strategy": strategy, "show_list": !self.chance.one_in(4),
                    "consider_hand_raise": self.chance.coin(), "allow_double_selection": self.chance.coin(),
                    "animation_on_random": self.chance.coin(), "auto_append_on_join": self.chance.coin(),
                    "time_limit": self.chance.coin().then(|| self.chance.between(100, 20_000)),
                    "allow_list": self.speakers(), "playlist": self.speakers(),
                })
            }
            "edit" => json!({"action": action, "allow_list": self.speakers(), "playlist": self.speakers()}),
            "select" => {
                let how = self
                    .chance
                    .pick(&["random", "next", "next", "specific", "specific", "none"]);
                json!({"action": action, "how": how, "participant": self.somebody(), "keep_in_remaining": self.chance.coin()})
            }
            _ => json!({"action": action}),
        }
    }

    fn notes(&mut self) -> Value {
        let action = self.chance.pick(&[
            "select_writer",
            "select_writer",
            "deselect_writer",
            "generate_pdf",
        ]);
        json!({"action": action, "participant_ids": self.some_people()})
    }
}
