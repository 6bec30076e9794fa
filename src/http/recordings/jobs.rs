//! A recorder's WebSocket on which it is handed its work: rooms that are to be recorded, one at a time.

use std::time::Duration;

use colloquy_actors::ids::{BreakoutRoomId, RoomId};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::socket::{PONG_TIMEOUT, pings, until};
use crate::recorders::{HandOut, Place, RecorderJob, Verdict};

/// What a recorder says is short.
const MESSAGE_BYTES_MAX: usize = 1024;

/// For a message to go out, and for the other side's close frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a recorder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Said {
    /// It can take one job.
    Ready,
    Accept {
        job: Uuid,
    },
    Decline {
        job: Uuid,
    },
}

/// What it is told.
#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "snake_case")]
enum Told {
    /// A room wants a recorder.
    Job {
        job: Uuid,
        room: RoomId,
        breakout: Option<BreakoutRoomId>,
    },
    /// The job is not to be had any more.
    Withdrawn { job: Uuid },
}

/// How far a recorder is.
#[derive(Debug)]
enum Stage {
    /// It has not said that it is ready, since its last job.
    Busy,
    Ready(mpsc::Receiver<RecorderJob>),
    /// It has a job to accept or decline.
    Offered(RecorderJob),
}

/// Why nothing comes any more.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Gone,
    Stopping,
    /// What came is none of the messages.
    Nonsense,
}

/// Hands a recorder its work until the end.
pub(super) async fn serve<S>(stream: S, hand_out: HandOut, place: Place, stopping: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let code = match work(&mut socket, &hand_out, &stopping).await {
        End::Gone => CloseCode::Normal,
        End::Stopping => CloseCode::Away,
        End::Nonsense => CloseCode::Policy,
    };
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::default(),
    };
    let closing = async {
        // Who is gone hears nothing.
        if socket.close(Some(frame)).await.is_ok() {
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }
    };
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
    drop(place);
}

async fn work<S>(socket: &mut WebSocketStream<S>, hand_out: &HandOut, stopping: &CancellationToken) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut pings, mut pinged_at) = (pings(), None);
    let mut stage = Stage::Busy;
    loop {
        let silence_ends = pinged_at.map(|at: Instant| at + PONG_TIMEOUT);
        let told = tokio::select! {
            () = stopping.cancelled() => return End::Stopping,
            message = socket.next() => {
                pinged_at = None;
                match message {
                    Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                        Ok(said) => hear(&mut stage, said, hand_out),
                        Err(_) => return End::Nonsense,
                    },
                    Some(Ok(Message::Binary(_))) => return End::Nonsense,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                    Some(Ok(_)) => None,
                }
            }
            told = next(&mut stage, hand_out) => Some(told),
            _ = pings.tick() => {
                if !send(socket, Message::Ping(Bytes::new())).await {
                    return End::Gone;
                }
                pinged_at = pinged_at.or(Some(Instant::now()));
                None
            }
            () = until(silence_ends) => return End::Gone,
        };
        if let Some(told) = told {
            let Ok(text) = serde_json::to_string(&told) else {
                return End::Gone;
            };
            if !send(socket, Message::text(text)).await {
                return End::Gone;
            }
        }
    }
}

/// What the recorder is told next without having said anything: a job, or that it has waited too long with its answer.
async fn next(stage: &mut Stage, hand_out: &HandOut) -> Told {
    match stage {
        Stage::Busy => std::future::pending().await,
        Stage::Ready(jobs) => {
            let job = loop {
                match jobs.recv().await {
                    Some(job) => break job,
                    // Whoever had it in hand has vanished: it waits for its turn again.
                    None => *jobs = hand_out.ready(),
                }
            };
            let told = Told::Job {
                job: job.id,
                room: job.room,
                breakout: None,
            };
            *stage = Stage::Offered(job);
            told
        }
        Stage::Offered(job) => {
            job.verdict.closed().await;
            let job = job.id;
            *stage = Stage::Busy;
            Told::Withdrawn { job }
        }
    }
}

fn hear(stage: &mut Stage, said: Said, hand_out: &HandOut) -> Option<Told> {
    let (job, verdict) = match said {
        Said::Ready => {
            if matches!(stage, Stage::Busy) {
                *stage = Stage::Ready(hand_out.ready());
            }
            return None;
        }
        Said::Accept { job } => (job, Verdict::Accepted),
        Said::Decline { job } => (job, Verdict::Declined),
    };
    match std::mem::replace(stage, Stage::Busy) {
        Stage::Offered(offered) if offered.id == job => {
            let is_late = offered.verdict.send(verdict).is_err();
            (is_late && verdict == Verdict::Accepted).then_some(Told::Withdrawn { job })
        }
        other => {
            // It was withdrawn, which it has heard or is about to.
            *stage = other;
            None
        }
    }
}

async fn send<S>(socket: &mut WebSocketStream<S>, message: Message) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    matches!(timeout(SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::DuplexStream;

    use super::*;

    struct Client(WebSocketStream<DuplexStream>);

    impl Client {
        async fn say(&mut self, message: Value) {
            self.0.send(Message::text(message.to_string())).await.unwrap();
        }

        /// The next message, or the code of the close frame.
        async fn hear(&mut self) -> Value {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                    Some(Ok(Message::Close(frame))) => {
                        return json!(frame.map(|frame| u16::from(frame.code)));
                    }
                    Some(Ok(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    async fn connect(hand_out: &HandOut, stopping: &CancellationToken) -> Client {
        let (ours, theirs) = tokio::io::duplex(4096);
        let place = hand_out.connect().unwrap();
        tokio::spawn(serve(ours, hand_out.clone(), place, stopping.clone()));
        Client(WebSocketStream::from_raw_socket(theirs, Role::Client, None).await)
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_is_accepted_and_the_next_one_comes_when_it_is_ready_again() {
        let (hand_out, stopping) = (HandOut::default(), CancellationToken::new());
        let mut recorder = connect(&hand_out, &stopping).await;
        recorder.say(json!({"action": "ready"})).await;
        recorder.say(json!({"action": "ready"})).await;
        let room = RoomId(Uuid::from_u128(7));
        let asked = tokio::spawn({
            let hand_out = hand_out.clone();
            async move { hand_out.ask(room).await }
        });
        let offer = recorder.hear().await;
        let job = offer["job"].clone();
        assert_eq!(
            offer,
            json!({"message": "job", "job": job, "room": room, "breakout": null})
        );
        recorder.say(json!({"action": "accept", "job": job})).await;
        assert!(asked.await.unwrap());
        assert!(!hand_out.has_anybody());
        // Said again, it means nothing.
        recorder.say(json!({"action": "accept", "job": job})).await;
        recorder.say(json!({"action": "ready"})).await;
        let asked = tokio::spawn(async move { timeout(Duration::from_secs(1), hand_out.ask(room)).await });
        let job = recorder.hear().await["job"].clone();
        recorder.say(json!({"action": "decline", "job": job})).await;
        assert!(asked.await.unwrap().is_err(), "nobody else is there");
        stopping.cancel();
        assert_eq!(recorder.hear().await, json!(1001));
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_too_late_hears_so() {
        let (hand_out, stopping) = (HandOut::default(), CancellationToken::new());
        let mut recorder = connect(&hand_out, &stopping).await;
        recorder.say(json!({"action": "ready"})).await;
        let room = RoomId(Uuid::from_u128(7));
        let asked = tokio::spawn(async move { timeout(Duration::from_secs(5), hand_out.ask(room)).await });
        let job = recorder.hear().await["job"].clone();
        assert_eq!(recorder.hear().await, json!({"message": "withdrawn", "job": job}));
        assert!(asked.await.unwrap().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn nonsense_and_silence_end_it() {
        let (hand_out, stopping) = (HandOut::default(), CancellationToken::new());
        for nonsense in ["", "ready", r#"{"action":"sing"}"#, r#"{"action":"accept"}"#] {
            let mut recorder = connect(&hand_out, &stopping).await;
            recorder.0.send(Message::text(nonsense)).await.unwrap();
            assert_eq!(recorder.hear().await, json!(1008), "{nonsense}");
        }
        let silent = connect(&hand_out, &stopping).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(!hand_out.has_anybody());
        drop(silent);
    }
}
