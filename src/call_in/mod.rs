//! Callers by telephone: their numbers, and the names under which meetings see them.

mod names;
mod numbers;

pub use self::{names::CallerNames, numbers::Number};
