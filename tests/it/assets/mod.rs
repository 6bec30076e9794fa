//! The asset store: S3, stores that do not answer, clients that vanish, orphans.

mod abort;
mod failing_stores;
mod made;
mod orphans;
mod s3;
mod spooled;
