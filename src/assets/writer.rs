//! An object in the making.

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStoreExt as _, path::Path};
use tokio::task::JoinHandle;

use super::{
    error::ObjectError,
    objects::{Objects, within},
};

/// Sends an object in parts: one is on its way while the next is filled, and whoever writes faster waits. A short object
/// goes in one piece. Whoever does not [`finish`](Self::finish) calls [`abort`](Self::abort).
#[derive(Debug)]
pub struct Writer {
    objects: Objects,
    key: Path,
    filling: BytesMut,
    upload: Option<Box<dyn MultipartUpload>>,
    sending: Option<JoinHandle<Result<(), ObjectError>>>,
    size: u64,
}

impl Writer {
    pub(super) fn new(objects: Objects, key: Path) -> Self {
        Self {
            objects,
            key,
            filling: BytesMut::new(),
            upload: None,
            sending: None,
            size: 0,
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds to the object.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), ObjectError> {
        while !bytes.is_empty() {
            let space = self.objects.part_bytes - self.filling.len();
            let (now, later) = bytes.split_at(space.min(bytes.len()));
            self.filling.extend_from_slice(now);
            self.size += now.len() as u64;
            bytes = later;
            if self.filling.len() == self.objects.part_bytes {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    /// Makes the object be there. Its size in bytes.
    pub async fn finish(mut self) -> Result<u64, ObjectError> {
        match self.complete().await {
            Ok(()) => Ok(self.size),
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Gives up; nothing is left of it.
    pub async fn abort(mut self) {
        if let Some(sending) = self.sending.take() {
            sending.abort();
            // It has ended or it was told to; either way nobody writes any more.
            let _ = sending.await;
        }
        let Some(mut upload) = self.upload.take() else {
            return;
        };
        if let Err(error) = within(self.objects.timeout, upload.abort()).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "parts of an upload stay behind in the asset store");
        }
    }

    async fn complete(&mut self) -> Result<(), ObjectError> {
        let Some(mut upload) = self.upload.take() else {
            let whole = self.filling.split().freeze();
            let put = self.objects.store.put(&self.key, whole.into());
            return within(self.objects.timeout, put)
                .await
                .map(drop)
                .map_err(no_place);
        };
        let sent = self.send_rest(&mut *upload).await;
        let done = match sent {
            Ok(()) => within(self.objects.timeout, upload.complete()).await.map(drop),
            Err(error) => Err(error),
        };
        if done.is_err() {
            self.upload = Some(upload);
        }
        done
    }

    async fn send_rest(&mut self, upload: &mut dyn MultipartUpload) -> Result<(), ObjectError> {
        self.sent().await?;
        if self.filling.is_empty() {
            return Ok(());
        }
        let rest = self.filling.split().freeze();
        within(self.objects.timeout, upload.put_part(rest.into())).await
    }

    async fn send_part(&mut self) -> Result<(), ObjectError> {
        self.sent().await?;
        if self.upload.is_none() {
            let begun = within(self.objects.timeout, self.objects.store.put_multipart(&self.key));
            self.upload = Some(begun.await.map_err(no_place)?);
        }
        if let Some(upload) = &mut self.upload {
            let part: Bytes = self.filling.split().freeze();
            let sending = upload.put_part(part.into());
            let timeout = self.objects.timeout;
            self.sending = Some(tokio::spawn(within(timeout, sending)));
        }
        Ok(())
    }

    /// Waits for the part that is on its way.
    async fn sent(&mut self) -> Result<(), ObjectError> {
        match self.sending.take() {
            None => Ok(()),
            Some(sending) => sending
                .await
                .unwrap_or_else(|error| Err(object_store::Error::from(error).into())),
        }
    }
}

/// What is missing when an object is written is not the object.
fn no_place(error: ObjectError) -> ObjectError {
    match error {
        ObjectError::Missing => ObjectError::Refused(object_store::Error::NotSupported {
            source: "the bucket or folder does not exist".into(),
        }),
        error => error,
    }
}
