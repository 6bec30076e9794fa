//! The baseline server as a child of the load tester.

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use url::Url;

/// A running baseline server; it ends with this.
pub struct BaselineServer {
    child: Child,
    port: u16,
}

impl BaselineServer {
    /// Starts it and waits until it listens.
    pub fn start() -> io::Result<Self> {
        Self::spawn(Self::command()?.arg("baseline-server"))
    }

    /// This program, to be told what it shall be.
    pub fn command() -> io::Result<Command> {
        Ok(Command::new(std::env::current_exe()?))
    }

    /// Starts a server that prints its port, and waits for that.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let Ok(port) = line.trim().parse() else {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other("it names no port"));
        };
        Ok(Self { child, port })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where what is said goes to everyone with the same `part` and `room`.
    pub fn url(&self, part: u32, room: u32) -> io::Result<Url> {
        let url = format!("ws://127.0.0.1:{}/{part}/{room}", self.port);
        Url::parse(&url).map_err(io::Error::other)
    }
}

impl Drop for BaselineServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
