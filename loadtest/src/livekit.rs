//! A LiveKit without media: everybody whom it is told of is in every room with one voice, each call takes its time, and what was done
//! is counted. The server under test is configured with its address, and whatever key and secret.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, time::sleep};

/// A LiveKit that serves as long as the process lives.
#[derive(Debug, Clone)]
pub struct FakeLivekit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Of each call.
    delay: Duration,
    people: Mutex<Vec<String>>,
    /// Whom calls that change something have named since it was asked last.
    reached: watch::Sender<BTreeSet<String>>,
}

impl FakeLivekit {
    /// Listens for the server's calls, of which each takes `delay`.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn serve(address: SocketAddr, delay: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            delay,
            people: Mutex::default(),
            reached: watch::Sender::default(),
        });
        let router = Router::new()
            .route("/twirp/livekit.RoomService/{method}", post(answer))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind(address).await?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self(shared))
    }

    /// These are in every room from now on.
    pub fn enter(&self, people: Vec<String>) {
        *self.0.people.lock().unwrap_or_else(PoisonError::into_inner) = people;
    }

    /// Nobody was reached so far.
    pub fn forget(&self) {
        self.0.reached.send_replace(BTreeSet::new());
    }

    /// Waits until so many were named by calls that change something.
    pub async fn reached(&self, count: usize) {
        let mut reached = self.0.reached.subscribe();
        // The sender lives as long as this.
        let _ = reached.wait_for(|reached| reached.len() >= count).await;
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(method): Path<String>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    sleep(shared.delay).await;
    let people = || {
        shared
            .people
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    };
    let identity = body["identity"].as_str().unwrap_or_default().to_owned();
    let answer = match &*method {
        "ListParticipants" => {
            json!({"participants": people().iter().map(|id| shown(id)).collect::<Vec<_>>()})
        }
        "ListRooms" => json!({"rooms": []}),
        "GetParticipant" if people().contains(&identity) => shown(&identity),
        "UpdateParticipant" | "MutePublishedTrack" => {
            shared.reached.send_modify(|reached| {
                reached.insert(identity);
            });
            json!({})
        }
        _ => {
            let absent = json!({"code": "not_found", "msg": "not there"});
            return (StatusCode::NOT_FOUND, Json(absent));
        }
    };
    (StatusCode::OK, Json(answer))
}

/// Without a permission: whether it is as it should be is not asked here.
fn shown(identity: &str) -> Value {
    let voice = json!({"sid": format!("TR_{identity}"), "type": "AUDIO", "source": "MICROPHONE"});
    json!({"identity": identity, "sid": format!("PA_{identity}"), "kind": "STANDARD", "tracks": [voice]})
}
