//! Who may do what: pure rules over facts that others have found out. Every handler asks here, and nobody else decides.

use uuid::Uuid;

/// How a registered user stands to a room or an event; to another user it is `Stranger` or `Foreign`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Created it.
    Owner,
    /// Invited to the event as a moderator.
    Moderator,
    /// Invited to the event, whatever the answer was: only a deleted invitation takes access away.
    Invited,
    /// Of the same tenant, and nothing else.
    Stranger,
    /// Of another tenant.
    Foreign,
}

impl Standing {
    const NAMES: [(Self, &str); 5] = [
        (Self::Owner, "owner"),
        (Self::Moderator, "moderator"),
        (Self::Invited, "invited"),
        (Self::Stranger, "stranger"),
        (Self::Foreign, "foreign"),
    ];

    /// Reads what the store's queries call it; what is not known has no rights.
    pub(crate) fn parse(name: &str) -> Self {
        let known = Self::NAMES.into_iter().find(|(_, known)| *known == name);
        known.map_or(Self::Foreign, |(standing, _)| standing)
    }

    /// Between two users, by their tenants.
    #[must_use]
    pub fn between(tenant: Uuid, other: Uuid) -> Self {
        if tenant == other {
            Self::Stranger
        } else {
            Self::Foreign
        }
    }
}

/// Other programs of the installation, told by a role in their token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// The gateway of telephone calls.
    CallIn,
    Recorder,
}

/// Who calls, as far as rights depend on it. Whoever has no valid credentials was refused before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    User(Standing),
    /// Somebody with an invite code that is active and in time.
    Guest {
        of_this_room: bool,
    },
    /// A machine; it has its own operations and no others.
    Machine(Machine),
}

/// What can be done to what. Operations with the same rights on the same resource are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// What concerns the caller alone: its profile, its lists, new rooms and events, looking for people.
    ActForOneself,
    ReadUser,
    /// Addresses of TURN and STUN servers.
    ReadTurnServers,

    ReadRoom,
    ChangeRoom,
    DeleteRoom,
    ReadRoomTariff,
    ReadRoomEvent,
    /// Enter as a registered user.
    StartRoom,
    ReadInviteCodes,
    ChangeInviteCodes,
    ReadTelephoneAccess,
    ChangeTelephoneAccess,
    ReadAssets,
    CreateAsset,
    DeleteAsset,
    ReadStreamingTargets,
    /// The keys by which others could stream under the owner's name.
    ReadStreamingKeys,
    ChangeStreamingTargets,

    ReadEvent,
    ChangeEvent,
    DeleteEvent,
    ReadInvitees,
    /// Invite somebody, change or withdraw the invitation of another.
    ChangeInvitees,
    /// Accept, decline or withdraw the caller's own invitation.
    AnswerInvitation,
    MarkFavorite,
    ReadSharedFolder,
    /// Create or delete the folder, and learn who may write to it.
    ChangeSharedFolder,

    StartTelephoneCall,
    TakeRecordingJobs,
    StartRecording,
    UploadRecording,
}

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessDenied {
    /// The caller may not even know that it exists: 404.
    Hidden,
    /// It is seen, but this may not be done to it: 403.
    Forbidden,
}

/// What an operation asks of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Ownership,
    /// Ownership, or an invitation as a moderator.
    Moderation,
    /// Ownership or any invitation.
    Sight,
    /// Sight, or an invite code of this room.
    SightOrCode,
    SameTenant,
    Account,
    AccountOrCode,
    Role(Machine),
}

impl Operation {
    const fn needs(self) -> Needs {
        match self {
            Self::ActForOneself => Needs::Account,
            Self::ReadUser => Needs::SameTenant,
            Self::ReadTurnServers => Needs::AccountOrCode,
            Self::ReadRoomTariff | Self::ReadRoomEvent => Needs::SightOrCode,
            Self::ChangeInviteCodes => Needs::Moderation,
            Self::ReadRoom
            | Self::ReadInviteCodes
            | Self::StartRoom
            | Self::ReadTelephoneAccess
            | Self::ReadAssets
            | Self::ReadStreamingTargets
            | Self::ReadEvent
            | Self::ReadInvitees
            | Self::AnswerInvitation
            | Self::MarkFavorite
            | Self::ReadSharedFolder => Needs::Sight,
            Self::ChangeRoom
            | Self::DeleteRoom
            | Self::ChangeTelephoneAccess
            | Self::CreateAsset
            | Self::DeleteAsset
            | Self::ReadStreamingKeys
            | Self::ChangeStreamingTargets
            | Self::ChangeEvent
            | Self::DeleteEvent
            | Self::ChangeInvitees
            | Self::ChangeSharedFolder => Needs::Ownership,
            Self::StartTelephoneCall => Needs::Role(Machine::CallIn),
            Self::TakeRecordingJobs | Self::StartRecording | Self::UploadRecording => {
                Needs::Role(Machine::Recorder)
            }
        }
    }
}

/// May this caller do this to this resource?
pub fn check(subject: Subject, operation: Operation) -> Result<(), AccessDenied> {
    match (subject, operation.needs()) {
        (Subject::Machine(machine), Needs::Role(role)) if machine == role => Ok(()),
        (Subject::Guest { of_this_room: true }, Needs::SightOrCode)
        | (Subject::Guest { .. }, Needs::AccountOrCode) => Ok(()),
        // For guests nothing is hidden: they take 404 for the end of their room.
        (_, Needs::Role(_)) | (Subject::Guest { .. } | Subject::Machine(_), _) => {
            Err(AccessDenied::Forbidden)
        }
        (Subject::User(standing), needs) => check_user(standing, needs),
    }
}

fn check_user(standing: Standing, needs: Needs) -> Result<(), AccessDenied> {
    use Standing::{Foreign, Invited, Moderator, Owner, Stranger};
    match (needs, standing) {
        (Needs::Account | Needs::AccountOrCode, _)
        | (Needs::SameTenant, Owner | Moderator | Invited | Stranger)
        | (Needs::Sight | Needs::SightOrCode, Owner | Moderator | Invited)
        | (Needs::Moderation, Owner | Moderator)
        | (Needs::Ownership, Owner) => Ok(()),
        (Needs::Ownership | Needs::Moderation, Moderator | Invited) | (Needs::Role(_), _) => {
            Err(AccessDenied::Forbidden)
        }
        (_, Stranger | Foreign) => Err(AccessDenied::Hidden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_calls_it_is_understood() {
        for (standing, name) in Standing::NAMES {
            assert_eq!(Standing::parse(name), standing);
        }
        assert_eq!(Standing::parse("king"), Standing::Foreign);
    }
}
