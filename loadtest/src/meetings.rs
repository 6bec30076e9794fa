//! The rooms of a run: created before, deleted after it.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use crate::api::{Api, ApiError, Owner, Place};

/// A room with an invite for its guests.
#[derive(Debug, Clone)]
pub struct Meeting {
    pub owner: Owner,
    pub room: Uuid,
    pub invite_code: String,
}

pub struct Meetings {
    api: Arc<Api>,
    /// Every room that the server acknowledged, also those of a run that was interrupted.
    created: Mutex<Vec<(Owner, Place)>>,
}

impl Meetings {
    pub fn new(api: Arc<Api>) -> Self {
        Self {
            api,
            created: Mutex::new(Vec::new()),
        }
    }

    /// Creates `count` rooms, `concurrency` at a time; the first failure ends it.
    /// `users`: participants of each room who are users, and not guests.
    pub async fn create(
        &self,
        count: u32,
        concurrency: usize,
        users: Option<u32>,
    ) -> Result<Vec<Meeting>, ApiError> {
        stream::iter(0..count as usize)
            .map(|n| self.create_one(self.api.owner(n), users))
            .buffered(concurrency)
            .try_collect()
            .await
    }

    async fn create_one(&self, owner: Owner, users: Option<u32>) -> Result<Meeting, ApiError> {
        let place = match users {
            Some(users) => self.api.create_room_for_users(owner, users).await?,
            None => self.api.create_room(owner).await?,
        };
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((owner, place));
        let room = place.room;
        let invite_code = self.api.create_invite(owner, room).await?;
        Ok(Meeting {
            owner,
            room,
            invite_code,
        })
    }

    /// Deletes everything created so far and answers what failed.
    pub async fn delete_all(&self, concurrency: usize) -> Vec<ApiError> {
        let rooms = std::mem::take(&mut *self.created.lock().unwrap_or_else(PoisonError::into_inner));
        stream::iter(rooms)
            .map(|(owner, place)| self.api.delete(owner, place))
            .buffer_unordered(concurrency)
            .filter_map(async |outcome| outcome.err())
            .collect()
            .await
    }
}
