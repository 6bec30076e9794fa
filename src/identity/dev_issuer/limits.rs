//! Lifetimes and bounds of the development issuer.

use std::time::Duration;

use chrono::TimeDelta;

/// Lifetime of an authorization code.
pub const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Lifetime of access and ID tokens. The web client renews them 30 s before the end.
pub const ACCESS_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// Lifetime of a refresh token, and so of a session that nobody uses.
pub const REFRESH_LIFETIME: TimeDelta = TimeDelta::hours(8);

/// A refresh token that was just replaced yields its successor once more within this time: the answer may have been lost,
/// or two tabs were refreshing at once. Later it counts as stolen and ends the session.
pub const REFRESH_REPEAT: TimeDelta = TimeDelta::seconds(10);

/// Codes that are remembered, used ones included.
pub const CODES_MAX: usize = 10_000;

/// Sessions that are remembered; the one next to expire goes first.
pub const SESSIONS_MAX: usize = 10_000;

/// Ended sessions whose access tokens are still refused.
pub const VOIDED_SESSIONS_MAX: usize = 10_000;

/// Failed logins are counted within this time.
pub const ATTEMPTS_WINDOW: TimeDelta = TimeDelta::minutes(1);

/// Failed logins of one user name.
pub const ATTEMPTS_PER_USERNAME_MAX: u32 = 10;

/// Failed logins from one address.
pub const ATTEMPTS_PER_ADDRESS_MAX: u32 = 30;

/// Addresses, and names that no user has, whose failures are counted; users' are counted in any case.
pub const ATTEMPT_SUBJECTS_MAX: usize = 10_000;

/// Shortest and longest `code_verifier` (RFC 7636, section 4.1).
pub const VERIFIER_BYTES: std::ops::RangeInclusive<usize> = 43..=128;

/// How long a starting issuer waits for another one that is just ending in the same folder.
pub const FOLDER_LOCK_WAIT: Duration = Duration::from_secs(15);

/// Largest body of a request.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Longest `state` and `nonce` of an authorization request.
pub const ECHO_BYTES_MAX: usize = 2 * 1024;
