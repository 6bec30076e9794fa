//! Where streams are sent to. Who knows that can stream there: it is no part of a room's state, is in no log, and goes to recorders
//! alone.

use std::{collections::BTreeMap, fmt};

use crate::{
    encoding::{self, EncodeError},
    ids::StreamingTargetId,
};

/// Addresses of streams with their keys, by target.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct StreamLocations(BTreeMap<StreamingTargetId, String>);

impl StreamLocations {
    /// The address as JSON; null where it is not known.
    pub(super) fn json(&self, id: StreamingTargetId) -> String {
        encoding::encode(&self.0.get(&id)).unwrap_or_else(EncodeError::undo)
    }
}

impl FromIterator<(StreamingTargetId, String)> for StreamLocations {
    fn from_iter<T: IntoIterator<Item = (StreamingTargetId, String)>>(all: T) -> Self {
        Self(all.into_iter().collect())
    }
}

impl fmt::Debug for StreamLocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamLocations({})", self.0.len())
    }
}
