//! `colloquy config import`: another controller's settings as ours.

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use crate::config::import_file;

pub(super) fn run(file: &Path) -> ExitCode {
    match import_file(file) {
        Ok(text) => {
            // A closed stdout is the reader's choice.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("The file is not imported:\n{error}");
            ExitCode::FAILURE
        }
    }
}
