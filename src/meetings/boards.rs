//! What rooms want of Spacedeck.

use std::sync::Arc;

use colloquy_actors::{ids::TaskId, task::Outcome, whiteboard::BoardCall};

use super::documents::{Documents, utc};
use crate::{
    assets::NewDocument,
    spacedeck::{Spacedeck, SpacedeckError},
};

/// Namespace and kind of a PDF.
const NAMESPACE: &str = "whiteboard";
const KIND: &str = "whiteboard_pdf";

/// Whiteboards, and where their PDFs go.
#[derive(Debug)]
pub struct Boards {
    spacedeck: Arc<Spacedeck>,
    documents: Documents,
}

impl Boards {
    #[must_use]
    pub fn new(spacedeck: Spacedeck, documents: Documents) -> Self {
        Self {
            spacedeck: Arc::new(spacedeck),
            documents,
        }
    }

    pub(super) async fn perform(&self, task: TaskId, call: BoardCall) -> Outcome {
        match call {
            BoardCall::Create { name } => match self.spacedeck.create(&name.to_string()).await {
                Ok((board, left)) => {
                    self.delete_beside(left);
                    Outcome::BoardMade(board)
                }
                Err(error) => failed(error, "a whiteboard could not be made"),
            },
            BoardCall::Delete { name, id } => {
                let deleted = match id {
                    Some(id) => self.spacedeck.delete(&id).await,
                    None => self.spacedeck.delete_named(&name.to_string()).await,
                };
                match deleted {
                    Ok(()) => Outcome::Done,
                    Err(error) => {
                        tracing::warn!(%error, %name, "a whiteboard stays behind at Spacedeck until its room has another one");
                        Outcome::Unavailable
                    }
                }
            }
            BoardCall::Pdf { name, id, at } => {
                let document = NewDocument {
                    id: task.0,
                    room: name.room.0,
                    namespace: NAMESPACE,
                    kind: KIND,
                    extension: "pdf",
                    at: utc(at),
                };
                self.store(document, &id).await
            }
        }
    }

    async fn store(&self, document: NewDocument, id: &str) -> Outcome {
        if let Some(foregone) = self.documents.foregone(document).await {
            return foregone;
        }
        match self.spacedeck.pdf(id).await {
            Ok(pdf) => self.documents.store(document, pdf.into_stream()).await,
            Err(error) => failed(error, "a whiteboard's PDF could not be made"),
        }
    }

    /// What is left of before: nobody waits for it.
    fn delete_beside(&self, ids: Vec<String>) {
        if ids.is_empty() {
            return;
        }
        let spacedeck = Arc::clone(&self.spacedeck);
        tokio::spawn(async move {
            for id in ids {
                if let Err(error) = spacedeck.delete(&id).await {
                    tracing::warn!(%error, "a whiteboard of an earlier meeting stays behind at Spacedeck until its room has another one");
                }
            }
        });
    }
}

fn failed(error: SpacedeckError, what: &'static str) -> Outcome {
    // That it is away, the breaker says, once.
    if error == SpacedeckError::Unreachable {
        tracing::debug!(%error, "{what}");
        Outcome::Unavailable
    } else {
        tracing::warn!(%error, "{what}");
        Outcome::NotMade
    }
}
