//! A room of the mock: everything goes to everyone in one order, except for the fault it was told to make.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use uuid::Uuid;

use super::{Fault, Ticket};

#[derive(Debug, Default)]
pub struct Room {
    members: Vec<Member>,
    seq: u64,
    messages: u64,
    echoes: u64,
    /// A message that one receiver gets after the next.
    held_back: Option<Message>,
    is_guarded: bool,
    /// Who speaks next, and how many have spoken.
    playlist: VecDeque<Value>,
    speakers: u64,
    /// Who may vote, who has, and how many of these count.
    voters: usize,
    voted: usize,
    counted: usize,
    pub fault: Option<Fault>,
}

#[derive(Debug)]
struct Member {
    id: Uuid,
    /// The one socket among several of the same participant.
    socket: u64,
    outbox: UnboundedSender<Message>,
    breakout_room: Option<Uuid>,
    is_owner: bool,
    is_inside: bool,
}

/// The fault happens at this message, when everyone has joined for long.
const FAULTY_MESSAGE: u64 = 5;

impl Room {
    fn event(&mut self, namespace: &str, payload: &Value) -> Message {
        self.seq += 1;
        let event = json!({"namespace": namespace, "timestamp": "2026-01-01T00:00:00Z", "seq": self.seq, "payload": payload});
        Message::text(event.to_string())
    }

    /// Sends everybody away, to come back.
    pub fn close(&mut self) {
        let code = CloseCode::Away;
        let reason = "".into();
        self.to(|_| true, &Message::Close(Some(CloseFrame { code, reason })));
    }

    pub fn inside(&self) -> usize {
        self.members.iter().filter(|member| member.is_inside).count()
    }

    /// Takes the fault, so that it happens once.
    fn misbehaves(&mut self, fault: Fault) -> bool {
        let is_it = self.fault == Some(fault);
        if is_it {
            self.fault = None;
        }
        is_it
    }

    fn handle(&mut self, socket: u64, command: &Value) {
        let payload = &command["payload"];
        let sender = self.of(socket).id;
        match (
            command["namespace"].as_str().unwrap(),
            payload["action"].as_str().unwrap(),
        ) {
            ("control", "join") if self.must_wait(socket) => self.let_wait(socket),
            ("control", "join" | "enter_room") => self.let_in(socket),
            ("control", "raise_hand") => {
                let raised = self.event("control", &json!({"message": "hand_raised"}));
                self.to(|member| member.id == sender, &raised);
                let update = self.event("control", &json!({"message": "update", "id": sender}));
                self.to(|member| member.id != sender, &update);
            }
            ("chat", "send_message") => self.chat(socket, payload["content"].as_str().unwrap()),
            ("echo", _) => self.echo(socket, command),
            ("moderation", "enable_waiting_room") => {
                assert!(self.of(socket).is_owner);
                self.is_guarded = true;
                let enabled = self.event("moderation", &json!({"message": "waiting_room_enabled"}));
                self.to(|member| member.is_inside, &enabled);
            }
            ("moderation", "accept") => {
                assert!(self.of(socket).is_owner);
                let target: Uuid = payload["target"].as_str().unwrap().parse().unwrap();
                let accepted = self.event("moderation", &json!({"message": "accepted"}));
                self.to(|member| member.id == target, &accepted);
            }
            ("automod", "start") => {
                assert!(self.of(socket).is_owner);
                self.playlist = payload["playlist"].as_array().unwrap().clone().into();
                let started = self.event("automod", &json!({"message": "started"}));
                self.to(|_| true, &started);
            }
            ("automod", "select" | "yield") => self.hand_on(),
            ("legal_vote", "start") => {
                assert!(self.of(socket).is_owner);
                self.voters = payload["allowed_participants"].as_array().unwrap().len();
                let ids: Vec<_> = self.members.iter().map(|member| member.id).collect();
                for id in ids {
                    let started = json!({"message": "started", "legal_vote_id": "vote", "token": id});
                    let started = self.event("legal_vote", &started);
                    self.to(|member| member.id == id, &started);
                }
            }
            ("legal_vote", "vote") => {
                assert_eq!(payload["token"], json!(sender));
                self.vote(sender);
            }
            ("breakout", "start") => self.open_breakout_rooms(socket, &payload["rooms"]),
            ("breakout", "stop") => {
                assert!(self.of(socket).is_owner);
                let stopped = self.event("breakout", &json!({"message": "stopped"}));
                self.to(|_| true, &stopped);
            }
            other => panic!("the load test does not send {other:?}"),
        }
    }

    /// The next of the playlist speaks.
    fn hand_on(&mut self) {
        let Some(speaker) = self.playlist.pop_front() else {
            let stopped = self.event("automod", &json!({"message": "stopped"}));
            return self.to(|_| true, &stopped);
        };
        self.speakers += 1;
        let updated = self.event(
            "automod",
            &json!({"message": "speaker_updated", "speaker": speaker}),
        );
        let others = self.members.iter().filter(|member| json!(member.id) != speaker);
        let victim = others.map(|member| member.socket).next();
        let victim = victim.filter(|_| self.speakers == 2 && self.misbehaves(Fault::LoseOne));
        self.to(|member| Some(member.socket) != victim, &updated);
    }

    fn vote(&mut self, voter: Uuid) {
        self.voted += 1;
        // One of them is said to count, and does not.
        self.counted += usize::from(!(self.voted == 2 && self.misbehaves(Fault::LoseOne)));
        let answer = self.event("legal_vote", &json!({"message": "voted", "response": "success"}));
        self.to(|member| member.id == voter, &answer);
        let updated = self.event(
            "legal_vote",
            &json!({"message": "updated", "yes": self.counted, "no": 0}),
        );
        self.to(|_| true, &updated);
        if self.voted == self.voters {
            let stopped = json!({"message": "stopped", "kind": "auto", "yes": self.counted, "no": 0});
            let stopped = self.event("legal_vote", &stopped);
            self.to(|_| true, &stopped);
        }
    }

    fn must_wait(&mut self, socket: u64) -> bool {
        self.is_guarded && !self.of(socket).is_owner && !self.misbehaves(Fault::LetOneIn)
    }

    fn let_wait(&mut self, socket: u64) {
        let id = self.of(socket).id;
        let waiting = self.event("moderation", &json!({"message": "in_waiting_room"}));
        self.to(|member| member.socket == socket, &waiting);
        let arrived = self.event("moderation", &json!({"message": "joined_waiting_room", "id": id}));
        self.to(|member| member.is_inside, &arrived);
    }

    fn let_in(&mut self, socket: u64) {
        let Member {
            id, breakout_room, ..
        } = *self.of(socket);
        let is_other = |member: &Member| {
            member.is_inside && member.breakout_room == breakout_room && member.socket != socket
        };
        let others: Vec<_> = self.members.iter().filter(|member| is_other(member)).collect();
        let skipped = others.first().map(|member| member.socket);
        let others: Vec<_> = others.iter().map(|member| json!({"id": member.id})).collect();
        let success = json!({"message": "join_success", "id": id, "participants": others, "breakout": {"current": breakout_room}});
        let success = self.event("control", &success);
        self.to(|member| member.socket == socket, &success);
        let joined = self.event("control", &json!({"message": "joined", "id": id}));
        let hidden_from = skipped.filter(|_| self.misbehaves(Fault::HideJoin));
        self.to(
            |member| is_other(member) && Some(member.socket) != hidden_from,
            &joined,
        );
        for member in &mut self.members {
            member.is_inside |= member.socket == socket;
        }
    }

    fn echo(&mut self, socket: u64, command: &Value) {
        self.echoes += 1;
        let times = match self.fault.filter(|_| self.echoes == 1) {
            Some(Fault::SkipEcho) => 0,
            Some(Fault::DoubleEcho) => 2,
            _ => 1,
        };
        for _ in 0..times {
            self.to(
                |member| member.socket == socket,
                &Message::text(command.to_string()),
            );
        }
    }

    fn open_breakout_rooms(&mut self, socket: u64, plans: &Value) {
        assert!(self.of(socket).is_owner);
        let plans = plans.as_array().unwrap();
        let rooms: Vec<_> = plans
            .iter()
            .map(|plan| json!({"id": Uuid::new_v4(), "name": plan["name"]}))
            .collect();
        let mixes = self.misbehaves(Fault::MixAssignments);
        for id in self.members.iter().map(|member| member.id).collect::<Vec<_>>() {
            let is_planned = |plan: &&Value| plan["assignments"].as_array().unwrap().contains(&json!(id));
            let own = plans.iter().position(|plan| is_planned(&plan)).unwrap();
            let own = &rooms[if mixes { 0 } else { own }]["id"];
            let started = json!({"message": "started", "rooms": rooms, "expires": null, "assignment": own});
            let started = self.event("breakout", &started);
            self.to(|member| member.id == id, &started);
        }
    }

    fn chat(&mut self, socket: u64, content: &str) {
        self.messages += 1;
        let fault = self.fault.filter(|_| self.messages == FAULTY_MESSAGE);
        let content = match fault {
            Some(Fault::CutOne) => &content[..10],
            _ => content,
        };
        if fault == Some(Fault::NumberBack) {
            self.seq -= 2;
        }
        let Member {
            id, breakout_room, ..
        } = *self.of(socket);
        let sent = json!({"message": "message_sent", "id": Uuid::new_v4(), "source": id, "content": content, "scope": "global"});
        let message = self.event("chat", &sent);
        let hears = |member: &Member| member.breakout_room == breakout_room;
        if fault == Some(Fault::LeakOne) {
            let stranger = self.members.iter().find(|member| !hears(member)).unwrap().socket;
            self.to(|member| member.socket == stranger, &message);
        }
        let victim = self.members.iter().find(|member| hears(member)).unwrap().socket;
        self.to(|member| hears(member) && member.socket != victim, &message);
        let to_victim: Vec<_> = match fault {
            Some(Fault::LoseOne) => Vec::new(),
            Some(Fault::DoubleOne) => vec![message.clone(), message],
            Some(Fault::SwapTwo) => {
                self.held_back = Some(message);
                Vec::new()
            }
            Some(Fault::CloseOne) => vec![message, Message::Close(None)],
            _ => [Some(message), self.held_back.take()]
                .into_iter()
                .flatten()
                .collect(),
        };
        for message in to_victim {
            self.to(|member| member.socket == victim, &message);
        }
    }

    fn of(&self, socket: u64) -> &Member {
        self.members
            .iter()
            .find(|member| member.socket == socket)
            .unwrap()
    }

    fn to(&self, is_receiver: impl Fn(&Member) -> bool, message: &Message) {
        for member in self.members.iter().filter(|member| is_receiver(member)) {
            // Whoever has gone gets nothing.
            let _ = member.outbox.send(message.clone());
        }
    }
}

pub async fn serve(room: Arc<Mutex<Room>>, ticket: Ticket, socket: WebSocketStream<TokioIo<Upgraded>>) {
    let (mut sink, mut stream) = socket.split();
    let (outbox, mut frames) = unbounded_channel();
    let socket = {
        let mut room = room.lock().unwrap();
        room.seq += 1;
        let socket = room.seq;
        room.members.push(Member {
            id: ticket.id,
            socket,
            outbox,
            breakout_room: ticket.breakout_room,
            is_owner: ticket.is_owner,
            is_inside: false,
        });
        socket
    };
    let writer = tokio::spawn(async move {
        while let Some(frame) = frames.recv().await {
            if sink.send(frame).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Text(text) = message {
            let command = serde_json::from_str(&text).unwrap();
            room.lock().unwrap().handle(socket, &command);
        }
    }
    room.lock()
        .unwrap()
        .members
        .retain(|member| member.socket != socket);
    writer.abort();
}
