//! Plays transcripts.

mod facts;
mod names;
pub mod scene;
mod words;
