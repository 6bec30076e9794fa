//! The binary under test, as a process of its own.

use std::process::Command;

/// The binary, without the settings that the tests themselves run with.
pub fn colloquy() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_colloquy")))
}

/// A command that hears nothing of the `COLLOQUY_` variables of the tests.
pub fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COLLOQUY_") {
            command.env_remove(name);
        }
    }
    command
}
