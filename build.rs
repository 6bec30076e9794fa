//! Embeds the migrations: a list of their names and texts for each database, in their order. (The macro of sqlx would do the
//! same, but builds both database drivers and a TLS library once more, for itself.)

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let mut code = String::new();
    for database in ["sqlite", "postgres"] {
        let folder = Path::new(&root).join("migrations").join(database);
        let mut files: Vec<_> = fs::read_dir(&folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        files.sort();
        writeln!(code, "const {}: &[(&str, &str)] = &[", database.to_uppercase())?;
        for file in files {
            println!("cargo:rerun-if-changed={}", file.display());
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let path = file.to_string_lossy();
            writeln!(code, "    ({name:?}, include_str!({path:?})),")?;
        }
        writeln!(code, "];")?;
    }
    let out = Path::new(&env::var("OUT_DIR")?).join("migrations.rs");
    fs::write(out, code)?;
    Ok(())
}
