//! Namespace `shared_folder`: the folder of the room's event, for the participants. There are no commands, and so no errors.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Event, Namespace};
use crate::sealed::Sealed;

/// Nothing: whatever a client sends here can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharedFolderCommand {}

/// Nothing: there is nothing to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SharedFolderError {}

/// Types without a value have no shape.
macro_rules! nothing {
    ($($Type:ident),*) => {$(
        impl JsonSchema for $Type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($Type).into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                json_schema!(false)
            }
        }
    )*};
}
nothing!(SharedFolderCommand, SharedFolderError);

#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum SharedFolderEvent<'a> {
    /// The folder has changed, or what the receiver's role may see of it.
    Updated(SharedFolderState<'a>),
}

impl SharedFolderEvent<'_> {
    /// As the other namespaces have it; there is no value to call it with.
    #[expect(non_snake_case, reason = "the name of the variant that other namespaces have")]
    #[must_use]
    pub fn Error(error: SharedFolderError) -> Self {
        match error {}
    }
}

impl Event for SharedFolderEvent<'_> {
    const NAMESPACE: Namespace = Namespace::SharedFolder;
}

/// `shared_folder` in `join_success`, while the room's event has a folder.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SharedFolderState<'a> {
    pub read: FolderAccess<'a>,
    /// For moderators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_write: Option<FolderAccess<'a>>,
}

/// A link to a folder, and the password that it asks for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FolderAccess<'a> {
    pub url: &'a str,
    pub password: &'a str,
}

/// The folder of the room's event, as a room keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderLinks {
    pub read: FolderLink,
    pub read_write: FolderLink,
}

/// A link, with its password sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderLink {
    pub url: String,
    pub password: Sealed,
}

impl FolderLinks {
    /// Whether both lead to the same. Sealed passwords differ each time, and a link keeps its password.
    #[must_use]
    pub fn lead_where(&self, other: &Self) -> bool {
        self.read.url == other.read.url && self.read_write.url == other.read_write.url
    }
}
