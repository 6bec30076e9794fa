//! `colloquy config check --online`: asks those whom the settings name, as the server would.

use super::explain;
use crate::{
    config::Config,
    identity::{IssuerUrls, ask_issuer},
};

/// What a look outside found.
pub(super) struct Found {
    /// For the operator.
    pub line: String,
    pub is_fine: bool,
}

/// Asks the identity provider. Waits 10 s at most.
pub(super) fn identity_provider(config: &Config) -> Found {
    let Some(authority) = config.oidc.authority.clone() else {
        return Found {
            line: "the built-in development issuer; nobody to ask".to_owned(),
            is_fine: true,
        };
    };
    let place = IssuerUrls::new(authority, config.oidc.service_authority.clone());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(ask_issuer(place, &config.outgoing)) {
        Ok(report) => Found {
            line: report.to_string(),
            is_fine: true,
        },
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Found {
    Found {
        line: format!("not usable: {}", explain(error)),
        is_fine: false,
    }
}
