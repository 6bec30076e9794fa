//! Plays transcripts.

mod facts;
mod names;
mod outputs;
pub mod scene;
mod words;
