//! What people do in a meeting: commands as their clients write them.

use serde_json::{Value, json};

use super::{cast::GROUPS, chance::Chance, view::View};

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
            "meeting_notes" => self.notes(),
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
