//! Hashes the sources that decide what a journal entry means: entries are replayed only by the rules that wrote them.

use std::{error::Error, fs, path::Path, path::PathBuf};

use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    for folder in ["src/protocol", "src/room"] {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(folder), &mut files)?;
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
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    println!(
        "cargo::rustc-env=COLLOQUY_RULES_HASH={:032x}",
        u128::from_be_bytes(digest)
    );
    Ok(())
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
