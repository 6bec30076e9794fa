//! Namespace `meeting_report`: who took part in a meeting, as a PDF.

use serde::{Deserialize, Serialize};

use super::{Event, Namespace};
use crate::ids::AssetId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum MeetingReportCommand {
    /// Writes down who has been in this room during this meeting; the report becomes an asset of the room. For moderators.
    GenerateAttendanceReport {
        /// Whether it has a column with the e-mail addresses of registered users.
        include_email_addresses: bool,
    },
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum MeetingReportEvent<'a> {
    /// The report that the receiver has asked for is among the room's assets.
    PdfAsset { filename: &'a str, asset_id: AssetId },
    /// A command was refused, or nothing came of it.
    Error(MeetingReportError),
}

impl Event for MeetingReportEvent<'_> {
    const NAMESPACE: Namespace = Namespace::MeetingReport;
}

/// Errors of the namespace; the variants are the wire's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum MeetingReportError {
    #[error("moderators only")]
    InsufficientPermissions,
    #[error("the room's owner has no storage left")]
    StorageExceeded,
    #[error("the report could not be made")]
    Generate,
    #[error("the report could not be stored")]
    Storage,
}
