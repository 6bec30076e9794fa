//! `colloquy render`: the child that makes one report. A document as JSON comes in at stdin, a PDF goes out at stdout; the words of an
//! error go to stderr. It works for itself alone, in little memory and for a short time, whatever the document wants.

use std::{
    env,
    error::Error,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
};

use colloquy_report::{Document, SystemFonts};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::explain;

/// Bytes of memory. A report of 500 people with all scripts takes a third of it.
const MEMORY_BYTES_MAX: u64 = 256 << 20;

/// Seconds of computing. Who waits gives up by the clock, see `reports::Renderer`; this is for a child whose server died.
const CPU_SECS_MAX: u64 = 60;

/// Bytes of a document as JSON.
const DOCUMENT_BYTES_MAX: u64 = 32 << 20;

/// What is limited, and to what. The limit of data and not that of addresses, since that counts what is read from the program's file, too,
/// and what an allocator lays by without using it.
const LIMITS: [(Resource, u64); 3] = [
    (Resource::Data, MEMORY_BYTES_MAX),
    (Resource::Cpu, CPU_SECS_MAX),
    // Names in a file that is found years later.
    (Resource::Core, 0),
];

pub(super) fn run() -> ExitCode {
    match limit().and_then(|()| render()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("colloquy render: {}", explain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Comes back when the limits hold for all that this process has. What it took before they held would not count, so it begins
/// anew once they do.
fn limit() -> Result<(), Box<dyn Error>> {
    let is_within =
        |(resource, max): (Resource, u64)| getrlimit(resource).maximum.is_some_and(|now| now <= max);
    if LIMITS.into_iter().all(is_within) {
        return Ok(());
    }
    for (resource, max) in LIMITS {
        let max = getrlimit(resource).maximum.map_or(max, |now| now.min(max));
        let limit = Rlimit {
            current: Some(max),
            maximum: Some(max),
        };
        setrlimit(resource, limit).map_err(|error| format!("a limit can't be set: {error}"))?;
    }
    // The same program, also when another version lies in its place by now.
    let program = Path::new("/proc/self/exe");
    let program = if program.exists() {
        program.to_owned()
    } else {
        env::current_exe()?
    };
    let failed = Command::new(program).args(env::args_os().skip(1)).exec();
    Err(format!("it can't begin anew with less memory: {failed}").into())
}

fn render() -> Result<(), Box<dyn Error>> {
    let mut text = Vec::new();
    io::stdin()
        .lock()
        .take(DOCUMENT_BYTES_MAX + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(format!("the document has more than {DOCUMENT_BYTES_MAX} bytes").into());
    }
    let document: Document =
        serde_json::from_slice(&text).map_err(|error| format!("stdin has no document: {error}"))?;
    drop(text);
    let pdf = colloquy_report::render(&document, &SystemFonts::default())?;
    let mut out = io::stdout().lock();
    out.write_all(&pdf)?;
    Ok(out.flush()?)
}
