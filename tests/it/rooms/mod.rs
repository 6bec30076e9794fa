//! `/v1/rooms/…` where the live core takes part.

mod delete;
mod start;
mod start_invited;
