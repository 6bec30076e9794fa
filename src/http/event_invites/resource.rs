//! Invitees as they appear in answers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    config::Defaults,
    http::profiles::ProfileResource,
    profiles::avatar_url,
    store::{
        event_invites::{EventInvite, Invitee},
        events::{InviteRole, InviteStatus},
    },
};

/// Somebody who is invited to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InviteeResource {
    pub profile: InviteeProfile,
    pub status: InviteStatus,
}

/// Who is invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InviteeProfile {
    /// A user of this server.
    Registered {
        #[serde(flatten)]
        profile: ProfileResource,
        role: InviteRole,
    },
    /// An address that no user of the tenant has, with what the identity provider called its owner when it was invited.
    Unregistered {
        email: String,
        firstname: String,
        lastname: String,
        /// Empty where there is none.
        avatar_url: String,
    },
    /// An address that nobody here or there is known to have.
    Email {
        email: String,
        /// Empty where there is none.
        avatar_url: String,
    },
}

impl InviteeResource {
    #[must_use]
    pub fn new(invite: EventInvite, defaults: &Defaults) -> Self {
        let profile = match invite.invitee {
            Invitee::User(profile) => InviteeProfile::Registered {
                profile: ProfileResource::new(profile, defaults),
                role: invite.role,
            },
            Invitee::Email { email, names } => {
                let avatar_url = avatar_url(defaults, &email).unwrap_or_default();
                match names {
                    Some(names) => InviteeProfile::Unregistered {
                        avatar_url,
                        email,
                        firstname: names.firstname,
                        lastname: names.lastname,
                    },
                    None => InviteeProfile::Email { avatar_url, email },
                }
            }
        };
        Self {
            profile,
            status: invite.status,
        }
    }
}
