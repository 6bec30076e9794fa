//! Sizes and times of token verification.

use std::time::Duration;

use chrono::TimeDelta;

use crate::config::HEAD_BYTES_MAX;

/// A longer token is refused before it is parsed: as much as the head of a request may hold. People with hundreds of roles and
/// groups have tokens of 20 KiB.
pub const TOKEN_BYTES_MAX: usize = HEAD_BYTES_MAX;

/// Clocks of issuer and server may differ by this much.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// The same for services: a gateway renews its token late.
pub const SERVICE_LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// Verified tokens that are remembered.
pub const VERIFIED_TOKENS_MAX: usize = 50_000;

/// A verified token is verified anew after this time.
pub const VERIFIED_FRESH: TimeDelta = TimeDelta::minutes(5);

/// Keys are looked up again after this time, so that a withdrawn key stops working.
pub const KEYS_FRESH: TimeDelta = TimeDelta::minutes(5);

/// While the issuer is down its last keys are trusted for this long.
pub const KEYS_STALE_MAX: TimeDelta = TimeDelta::hours(1);

/// Unknown key ids make us ask the issuer at most this often.
pub const KEYS_REFETCH_MIN: TimeDelta = TimeDelta::seconds(10);

/// A login waits this long for an issuer that can't be asked: web clients don't come a second time.
pub const LOGIN_PATIENCE: Duration = Duration::from_secs(8);

/// A log-out waits this long for it: the provider hangs up after 5 s or so, and tells it once.
pub const LOGOUT_PATIENCE: Duration = Duration::from_secs(4);

/// Without any usable keys nobody can log in: ask more often.
pub const KEYS_FIRST_FETCH_MIN: TimeDelta = TimeDelta::seconds(5);

/// Keys of a set that are looked at.
pub const KEYS_MAX: usize = 100;

/// Where nobody can go on without userinfo it is asked again after this time, in seconds.
pub const USERINFO_RETRY_SECS: i64 = 5;

/// Questions to userinfo that are under way at the same time.
pub const USERINFO_AT_ONCE: usize = 16;

/// Questions that wait although nobody waits for their answers.
pub const USERINFO_BESIDE_MAX: usize = 1_000;

/// Questions that wait and for whose answers somebody waits.
pub const USERINFO_AWAITED_MAX: usize = 10_000;

/// A login that found no place to wait comes again after this time, in seconds.
pub const USERINFO_CROWDED_SECS: i64 = 60;

/// Whole exchange with userinfo, connecting included.
pub const USERINFO_TIME_MAX: Duration = Duration::from_secs(3);

/// How long a request waits that can't be answered without userinfo: for a place, and for the exchange.
pub const USERINFO_NEED_MAX: Duration = Duration::from_secs(4);

/// How long somebody new waits for what userinfo knows beside the token.
pub const USERINFO_WISH_MAX: Duration = Duration::from_secs(1);

/// Logins of which is kept what userinfo said, and when.
pub const LOGINS_MAX: usize = 50_000;

/// Whole exchange with the issuer, connecting included, in seconds.
pub const ISSUER_RESPONSE_SECS_MAX: u64 = 5;

/// Largest answer that is read from an issuer.
pub const ISSUER_RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// Longest subject (OpenID Connect Core 1.0, section 2).
pub const SUBJECT_CHARS_MAX: usize = 255;

/// Profile texts are cut to this length.
pub const PROFILE_TEXT_CHARS_MAX: usize = 255;

/// Groups of one token that count.
pub const LIST_ENTRIES_MAX: usize = 1_000;
