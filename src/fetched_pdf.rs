//! A PDF on its way from another service: it comes whole and in time, or not at all.

use bytes::Bytes;
use futures_util::{Stream, stream};
use reqwest::{Response, StatusCode, header::CONTENT_TYPE};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

/// Bytes of a PDF that another service makes.
pub const PDF_BYTES_MAX: u64 = 100 * 1024 * 1024;

/// How every PDF begins, and what stands within the last bytes of a whole one.
const BEGIN: &[u8] = b"%PDF-";
const END: &[u8] = b"%%EOF";
const END_WITHIN: usize = 1024;

/// Why there is no PDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    #[error("the answer has the status {0}")]
    Status(StatusCode),
    #[error("the answer is no PDF")]
    NoPdf,
    #[error("the PDF is larger than {PDF_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the PDF broke off")]
    BrokenOff,
    #[error("the PDF takes too long")]
    TooSlow,
}

/// A PDF of which the first bytes have come.
#[derive(Debug)]
pub struct FetchedPdf {
    response: Response,
    until: Instant,
    /// Read, and not yet passed on.
    first: Option<Bytes>,
    size: u64,
    /// The last bytes.
    tail: Vec<u8>,
    /// Of those who may fetch one at the same time.
    place: Option<OwnedSemaphorePermit>,
}

impl FetchedPdf {
    /// Looks at an answer and its first bytes. All of it must have come at `until`.
    ///
    /// # Errors
    /// When it is no PDF, or too large.
    pub async fn begin(response: Response, until: Instant) -> Result<Self, PdfError> {
        if response.status() != StatusCode::OK {
            return Err(PdfError::Status(response.status()));
        }
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok()?.split(';').next());
        if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/pdf")) {
            return Err(PdfError::NoPdf);
        }
        if response
            .content_length()
            .is_some_and(|bytes| bytes > PDF_BYTES_MAX)
        {
            return Err(PdfError::TooLarge);
        }
        let mut pdf = Self {
            response,
            until,
            first: None,
            size: 0,
            tail: Vec::new(),
            place: None,
        };
        let mut first = Vec::new();
        while first.len() < BEGIN.len() {
            match pdf.piece().await? {
                Some(piece) => first.extend_from_slice(&piece),
                None => break,
            }
        }
        if !first.starts_with(BEGIN) {
            return Err(PdfError::NoPdf);
        }
        pdf.first = Some(first.into());
        Ok(pdf)
    }

    /// Keeps a place until all of it has come, or nobody reads on.
    #[must_use]
    pub fn holding(mut self, place: OwnedSemaphorePermit) -> Self {
        self.place = Some(place);
        self
    }

    /// Its pieces. The last one is an error where the end is missing.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, PdfError>> + Send + 'static {
        stream::try_unfold(self, |mut pdf| async move {
            let piece = match pdf.first.take() {
                Some(first) => Some(first),
                None => pdf.piece().await?,
            };
            Ok(piece.map(|piece| (piece, pdf)))
        })
    }

    /// The next piece that has come; none at the end of a whole one.
    async fn piece(&mut self) -> Result<Option<Bytes>, PdfError> {
        let come = timeout_at(self.until, self.response.chunk()).await;
        let piece = come
            .map_err(|_| PdfError::TooSlow)?
            .map_err(|_| PdfError::BrokenOff)?;
        let Some(piece) = piece else {
            let is_whole = self.tail.windows(END.len()).any(|window| window == END);
            return if is_whole {
                Ok(None)
            } else {
                Err(PdfError::BrokenOff)
            };
        };
        self.size += piece.len() as u64;
        if self.size > PDF_BYTES_MAX {
            return Err(PdfError::TooLarge);
        }
        let last = &piece[piece.len().saturating_sub(END_WITHIN)..];
        self.tail.extend_from_slice(last);
        self.tail.drain(..self.tail.len().saturating_sub(END_WITHIN));
        Ok(Some(piece))
    }
}
