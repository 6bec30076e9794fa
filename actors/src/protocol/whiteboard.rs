//! Namespace `whiteboard`: a surface at Spacedeck on which everybody in a room draws.

use serde::{Deserialize, Serialize};

use super::{Event, Namespace};
use crate::ids::TaskId;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum WhiteboardCommand {
    /// Makes the whiteboard of the room. For moderators.
    Initialize,
    /// Stores what is drawn as a PDF among the room's assets. For moderators.
    GeneratePdf,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum WhiteboardEvent<'a> {
    /// The whiteboard is there; whoever has the URL draws.
    SpaceUrl { url: &'a str },
    /// A PDF of the whiteboard is among the room's assets.
    PdfAsset { filename: &'a str, asset_id: TaskId },
    /// A command was refused, or what it asked for failed.
    Error(WhiteboardError),
}

impl Event for WhiteboardEvent<'_> {
    const NAMESPACE: Namespace = Namespace::Whiteboard;
}

/// `whiteboard` in `join_success`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "status", content = "url", rename_all = "snake_case")]
pub enum WhiteboardState<'a> {
    NotInitialized,
    Initializing,
    Initialized(&'a str),
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum WhiteboardError {
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("the whiteboard is being made")]
    CurrentlyInitializing,
    #[error("the whiteboard or its PDF could not be made")]
    InitializationFailed,
    #[error("there is a whiteboard")]
    AlreadyInitialized,
    #[error("the room's owner has no storage left")]
    StorageExceeded,
}
