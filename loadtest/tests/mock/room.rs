//! A room of the mock: everything goes to everyone in one order, except for the fault it was told to make.

use std::sync::{Arc, Mutex};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use uuid::Uuid;

use super::Fault;

#[derive(Debug, Default)]
pub struct Room {
    members: Vec<(Uuid, UnboundedSender<Message>)>,
    seq: u64,
    messages: u64,
    /// A message that one receiver gets after the next.
    held_back: Option<Message>,
    pub fault: Option<Fault>,
}

/// The fault happens at this message, when everyone has joined for long.
const FAULTY_MESSAGE: u64 = 5;

impl Room {
    fn event(&mut self, namespace: &str, payload: &Value) -> Message {
        self.seq += 1;
        let event = json!({"namespace": namespace, "timestamp": "2026-01-01T00:00:00Z", "seq": self.seq, "payload": payload});
        Message::text(event.to_string())
    }

    fn handle(&mut self, sender: Uuid, command: &Value) {
        let payload = &command["payload"];
        match (
            command["namespace"].as_str().unwrap(),
            payload["action"].as_str().unwrap(),
        ) {
            ("control", "join") => {
                let joined = json!({"message": "join_success", "id": sender, "participants": []});
                let joined = self.event("control", &joined);
                self.to(|member| member == sender, &joined);
                let joined = self.event("control", &json!({"message": "joined", "id": sender}));
                self.to(|member| member != sender, &joined);
            }
            ("control", "raise_hand") => {
                let raised = self.event("control", &json!({"message": "hand_raised"}));
                self.to(|member| member == sender, &raised);
                let update = self.event("control", &json!({"message": "update", "id": sender}));
                self.to(|member| member != sender, &update);
            }
            ("chat", "send_message") => self.chat(sender, payload["content"].as_str().unwrap()),
            ("echo", _) => {
                let echo = Message::text(command.to_string());
                self.to(|member| member == sender, &echo);
            }
            other => panic!("the load test does not send {other:?}"),
        }
    }

    fn chat(&mut self, sender: Uuid, content: &str) {
        self.messages += 1;
        let fault = self.fault.filter(|_| self.messages == FAULTY_MESSAGE);
        let content = match fault {
            Some(Fault::CutOne) => &content[..10],
            _ => content,
        };
        if fault == Some(Fault::NumberBack) {
            self.seq -= 2;
        }
        let sent = json!({"message": "message_sent", "id": Uuid::new_v4(), "source": sender, "content": content, "scope": "global"});
        let message = self.event("chat", &sent);
        let victim = self.members[0].0;
        self.to(|member| member != victim, &message);
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
            self.to(|member| member == victim, &message);
        }
    }

    fn to(&self, is_receiver: impl Fn(Uuid) -> bool, message: &Message) {
        for (_, outbox) in self.members.iter().filter(|(id, _)| is_receiver(*id)) {
            // Whoever has gone gets nothing.
            let _ = outbox.send(message.clone());
        }
    }
}

pub async fn serve(room: Arc<Mutex<Room>>, socket: WebSocket) {
    let id = Uuid::new_v4();
    let (mut sink, mut stream) = socket.split();
    let (outbox, mut frames) = unbounded_channel();
    room.lock().unwrap().members.push((id, outbox));
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
            room.lock().unwrap().handle(id, &command);
        }
    }
    writer.abort();
}
