//! When the other side was last heard: a large message on a slow line takes long, and all the while the line lives.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{io::AsyncRead, time::Instant};
use tokio_util::io::InspectReader;

/// When bytes last came. Clones are one.
#[derive(Debug, Clone)]
pub(super) struct LastHeard(Arc<Mutex<Instant>>);

impl LastHeard {
    pub(super) fn at(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A stream that notes when bytes come.
pub(super) type Heard<S> = InspectReader<S, Box<dyn FnMut(&[u8]) + Send>>;

pub(super) fn heard<S: AsyncRead>(stream: S) -> (Heard<S>, LastHeard) {
    let last = LastHeard(Arc::new(Mutex::new(Instant::now())));
    let note = {
        let last = last.clone();
        move |bytes: &[u8]| {
            if !bytes.is_empty() {
                last.now();
            }
        }
    };
    (InspectReader::new(stream, Box::new(note)), last)
}
