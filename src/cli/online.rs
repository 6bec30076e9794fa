//! `colloquy config check --online`: asks those whom the settings name, as the server would.

use super::explain;
use crate::{
    config::Config,
    etherpad::{Etherpad, EtherpadError},
    identity::{IssuerUrls, ask_issuer},
    livekit::{CallError, RoomService},
    recorders::Recorders,
    spacedeck::{Spacedeck, SpacedeckError},
};

/// The name of no room.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// What a look outside found.
pub(super) struct Found {
    /// Who was asked.
    pub whom: &'static str,
    /// For the operator.
    pub line: String,
    pub is_fine: bool,
}

/// Asks all of them. Each has 10 s at most.
pub(super) fn ask(config: &Config) -> Vec<Found> {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return vec![failed("everybody", &error)],
    };
    let mut found = vec![
        runtime.block_on(identity_provider(config)),
        runtime.block_on(livekit(config)),
    ];
    found.extend(runtime.block_on(broker(config)));
    found.extend(runtime.block_on(spacedeck(config)));
    found.extend(runtime.block_on(etherpad(config)));
    found
}

async fn identity_provider(config: &Config) -> Found {
    const WHOM: &str = "identity provider";
    let Some(authority) = config.oidc.authority.clone() else {
        return fine(WHOM, "the built-in development issuer; nobody to ask".to_owned());
    };
    let place = IssuerUrls::new(authority, config.oidc.service_authority.clone());
    match ask_issuer(place, &config.outgoing).await {
        Ok(report) => fine(WHOM, report.to_string()),
        Err(error) => failed(WHOM, &error),
    }
}

/// Lists its rooms, with key and secret. Where nothing is set, nobody need be there.
async fn livekit(config: &Config) -> Found {
    const WHOM: &str = "LiveKit";
    let service = match RoomService::new(&config.outgoing, &config.livekit) {
        Ok(service) => service,
        Err(error) => return failed(WHOM, &error),
    };
    let url = &config.livekit.service_url;
    match service.rooms().await {
        Ok(rooms) => fine(
            WHOM,
            format!(
                "{url}: {} rooms; out means out only with its webhook to POST /v1/livekit/webhook, of which nothing can be seen here",
                rooms.len()
            ),
        ),
        Err(CallError::Unreachable) if config.livekit == crate::config::Livekit::default() => fine(
            WHOM,
            format!("{url} (the default): nobody there; people meet without sound and pictures"),
        ),
        Err(error @ CallError::Refused(status)) if matches!(status.as_u16(), 401 | 403) => Found {
            whom: WHOM,
            line: format!(
                "{url}: {error}: are livekit.api_key and livekit.api_secret an entry of its keys, and do the clocks agree?"
            ),
            is_fine: false,
        },
        Err(error) => Found {
            whom: WHOM,
            line: format!("{url}: {error}"),
            is_fine: false,
        },
    }
}

/// Connects to the message broker, where one is set. Recorders declare the queue: where none has been there yet, nobody has.
async fn broker(config: &Config) -> Option<Found> {
    const WHOM: &str = "message broker";
    let broker = Recorders::new(&config.recording).broker()?;
    let queue = &config.recording.amqp_queue;
    Some(match broker.look().await {
        Ok(true) => fine(WHOM, format!("it has the queue {queue}")),
        Ok(false) => Found {
            whom: WHOM,
            line: format!("it has no queue {queue}: recorders declare it; has one been started?"),
            is_fine: false,
        },
        Err(error) => failed(WHOM, &error),
    })
}

/// Looks for whiteboards of a name that none has. Nobody is asked where none is set up.
async fn spacedeck(config: &Config) -> Option<Found> {
    const WHOM: &str = "Spacedeck";
    let url = config.whiteboard.base_url.as_ref()?;
    let spacedeck = match Spacedeck::of_config(config) {
        Ok(spacedeck) => spacedeck?,
        Err(error) => return Some(failed(WHOM, &error)),
    };
    Some(match spacedeck.named(NOBODY).await {
        Ok(_) => fine(WHOM, format!("{url}: it knows the key")),
        Err(error @ SpacedeckError::Refused(_)) => Found {
            whom: WHOM,
            line: format!("{url}: {error}: is whiteboard.api_key the API token of an account there?"),
            is_fine: false,
        },
        Err(error) => Found {
            whom: WHOM,
            line: format!("{url}: {error}"),
            is_fine: false,
        },
    })
}

/// Shows Etherpad the key. Nobody is asked where none is set up.
async fn etherpad(config: &Config) -> Option<Found> {
    const WHOM: &str = "Etherpad";
    let url = config.etherpad.base_url.as_ref()?;
    let etherpad = match Etherpad::of_config(config) {
        Ok(etherpad) => etherpad?,
        Err(error) => return Some(failed(WHOM, &error)),
    };
    Some(match etherpad.greet().await {
        Ok(()) => fine(
            WHOM,
            format!(
                "{url}: it knows the key; whether it has the plugins for etherpad.access = \"sessions\" can't be seen here"
            ),
        ),
        Err(error @ EtherpadError::WrongKey) => Found {
            whom: WHOM,
            line: format!(
                "{url}: {error}: is etherpad.api_key what stands in its APIKEY.txt, and (from version 2 on) authenticationMethod \"apikey\"?"
            ),
            is_fine: false,
        },
        Err(error) => Found {
            whom: WHOM,
            line: format!("{url}: {error}"),
            is_fine: false,
        },
    })
}

fn fine(whom: &'static str, line: String) -> Found {
    Found {
        whom,
        line,
        is_fine: true,
    }
}

fn failed(whom: &'static str, error: &dyn std::error::Error) -> Found {
    Found {
        whom,
        line: format!("not usable: {}", explain(error)),
        is_fine: false,
    }
}
