//! WebSocket close codes (RFC 6455, section 7.4) and when the server uses them.

/// Why the server closes a socket, and what that means for its participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum CloseCode {
    /// 1000: a normal end (kicked, room deleted, taken over by a resumption). Clients do not reconnect.
    Normal,
    /// 1001: the server stops. Clients reconnect.
    GoingAway,
    /// 1007: a text frame that is not UTF-8. Clients reconnect.
    InvalidData,
    /// 1008: a client that ignores the limits. Clients do not reconnect.
    PolicyViolation,
    /// 1009: a message over the size limit. Clients do not reconnect.
    MessageTooBig,
    /// 1012: the room restarts and the session can't be kept. Clients reconnect.
    Restart,
    /// 1013: the client did not keep up. Clients reconnect.
    TryAgain,
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::InvalidData => 1007,
            Self::PolicyViolation => 1008,
            Self::MessageTooBig => 1009,
            Self::Restart => 1012,
            Self::TryAgain => 1013,
        }
    }

    /// Whether a client comes back by itself after this code (signaling semantics, section 1).
    #[must_use]
    pub const fn client_reconnects(self) -> bool {
        matches!(
            self,
            Self::GoingAway | Self::InvalidData | Self::Restart | Self::TryAgain
        )
    }
}
