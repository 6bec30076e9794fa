//! The live core.
