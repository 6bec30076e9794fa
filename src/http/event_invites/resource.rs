//! Invitees as they appear in answers.

use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use crate::{
    http::profiles::{ProfileResource, avatar_url},
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
    /// An address that no user of the tenant has.
    Email { email: String, avatar_url: String },
}

impl InviteeResource {
    /// `avatar_base` is `defaults.avatar_base_url`.
    #[must_use]
    pub fn new(invite: EventInvite, avatar_base: &Url) -> Self {
        let profile = match invite.invitee {
            Invitee::User(profile) => InviteeProfile::Registered {
                profile: ProfileResource::new(profile, avatar_base),
                role: invite.role,
            },
            Invitee::Email(email) => InviteeProfile::Email {
                avatar_url: avatar_url(avatar_base, &email),
                email,
            },
        };
        Self {
            profile,
            status: invite.status,
        }
    }
}
