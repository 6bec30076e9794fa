//! Any text: it parses or it does not, and what parses survives a journal.
#![no_main]

use colloquy_actors::protocol::{Command, Incoming, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Incoming::Command(command) = parse(text) {
        let written = serde_json::to_string(&command).expect("commands can be written");
        let read: Command = serde_json::from_str(&written).expect("and read again");
        assert_eq!(read, command);
    }
});
