//! Hashes the sources that decide what a journal entry means: entries are replayed only by the rules that wrote them.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    for folder in ["src/protocol", "src/room"] {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(folder), &mut files)?;
    }
    // What rules read beside them; the workspace's lock names the versions of libraries (order of maps, tables of Unicode).
    for file in [
        "src/encoding.rs",
        "src/ids.rs",
        "src/livekit.rs",
        "src/meeting_notes.rs",
        "src/task.rs",
        "src/ticket.rs",
        "src/whiteboard.rs",
        "../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={file}");
        files.push(PathBuf::from(file));
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(fs::read(&file)?);
    }
    // An input of the tests' build must not be replayed by a build without it.
    let fault_injection = std::env::var_os("CARGO_FEATURE_FAULT_INJECTION").is_some();
    hash.update([u8::from(fault_injection)]);
    hash.update(compiler()?);
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    println!(
        "cargo::rustc-env=COLLOQUY_RULES_HASH={:032x}",
        u128::from_be_bytes(digest)
    );
    Ok(())
}

/// The compiler's version: its library brings rules too (what counts as blank, as upper case).
fn compiler() -> Result<Vec<u8>, Box<dyn Error>> {
    let rustc = std::env::var_os("RUSTC").ok_or("cargo names no compiler")?;
    Ok(Command::new(rustc).arg("--version").output()?.stdout)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
