//! Whiteboards at Spacedeck: its client, and meetings that draw.

mod client;
mod meetings;
