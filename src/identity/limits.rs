//! Sizes and times of token verification.

use chrono::TimeDelta;

/// A longer token is refused before it is parsed. Issuers with many groups reach about 8 KiB.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Clocks of issuer and server may differ by this much.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// Verified tokens that are remembered.
pub const VERIFIED_TOKENS_MAX: usize = 50_000;

/// Keys are looked up again after this time, so that a withdrawn key stops working.
pub const KEYS_FRESH: TimeDelta = TimeDelta::minutes(5);

/// While the issuer is down its last keys are trusted for this long.
pub const KEYS_STALE_MAX: TimeDelta = TimeDelta::hours(1);

/// Unknown key ids make us ask the issuer at most this often.
pub const KEYS_REFETCH_MIN: TimeDelta = TimeDelta::minutes(1);

/// Without any usable keys nobody can log in: ask more often.
pub const KEYS_FIRST_FETCH_MIN: TimeDelta = TimeDelta::seconds(5);

/// Keys of a set that are looked at.
pub const KEYS_MAX: usize = 100;

/// After a failed userinfo request the next one for the same token waits this long.
pub const USERINFO_RETRY: TimeDelta = TimeDelta::minutes(1);

/// Whole exchange with the issuer, connecting included, in seconds.
pub const ISSUER_RESPONSE_SECS_MAX: u64 = 5;

/// Largest answer that is read from an issuer.
pub const ISSUER_RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// Longest subject (OpenID Connect Core 1.0, section 2).
pub const SUBJECT_CHARS_MAX: usize = 255;

/// Profile texts are cut to this length.
pub const PROFILE_TEXT_CHARS_MAX: usize = 255;

/// Groups and roles of one token that count.
pub const LIST_ENTRIES_MAX: usize = 1_000;
