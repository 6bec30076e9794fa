//! How slowly a content may come: places for uploads are few, and whoever trickles takes one from everybody.

use std::time::Duration;

use super::UploadError;

/// Time of waiting for a client in which [`BYTES_MIN`] must have come.
const SPAN: Duration = Duration::from_secs(30);

/// Bytes within [`SPAN`]: less than what the slowest mobile network carries.
const BYTES_MIN: u64 = 64 * 1024;

/// What has come since the span began. Only waiting for the client counts, not what the store takes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// A piece has come after a wait. Fails when too little came in too long a time.
    pub fn has_come(&mut self, waited: Duration, bytes: usize) -> Result<(), UploadError> {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < SPAN {
            return Ok(());
        }
        if self.bytes < BYTES_MIN {
            return Err(UploadError::Stalled);
        }
        *self = Self::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_trickles_has_broken_off() {
        let second = Duration::from_secs(1);
        let mut fast_enough = Pace::default();
        for _ in 0..300 {
            fast_enough.has_come(second, 2_500).expect("fast enough");
        }
        let mut trickle = Pace::default();
        let broken_off = (0..100).find(|_| trickle.has_come(second, 1).is_err());
        assert_eq!(broken_off, Some(29));
    }
}
