//! `colloquy config check`: settings were loaded, so they hold; say where they came from.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::config::Loaded;

pub(super) fn run(loaded: &Loaded) -> ExitCode {
    // A closed stdout is the reader's choice.
    let _ = print(&mut io::stdout().lock(), loaded);
    ExitCode::SUCCESS
}

fn print(out: &mut impl Write, loaded: &Loaded) -> io::Result<()> {
    let file = loaded.file.as_ref().map_or_else(
        || "none, defaults apply".to_owned(),
        |path| path.display().to_string(),
    );
    writeln!(out, "file:         {file}")?;
    writeln!(out, "environment:  {}", list(&loaded.variables))?;
    writeln!(out, "command line: {}", list(&loaded.flags))?;
    match loaded.config.data_folder() {
        Ok(path) => writeln!(out, "data folder:  {}", path.display())?,
        Err(error) => writeln!(out, "data folder:  {error}")?,
    }
    for problem in &loaded.warnings {
        writeln!(out, "warning: {problem}")?;
    }
    writeln!(out, "ok")
}

fn list<S: AsRef<str>>(names: &[S]) -> String {
    if names.is_empty() {
        return "nothing set".to_owned();
    }
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Place, Problem};

    #[test]
    fn it_names_what_contributed() {
        let loaded = Loaded {
            config: Config {
                data_dir: Some("/data".into()),
                ..Config::default()
            },
            file: Some("/etc/colloquy.toml".into()),
            variables: vec!["COLLOQUY_DATA_DIR".to_owned()],
            flags: Vec::new(),
            warnings: vec![Problem {
                place: Place::Variable("COLLOQUY_X".to_owned()),
                key: "x".to_owned(),
                message: "is odd".to_owned(),
            }],
        };
        let mut out = Vec::new();
        print(&mut out, &loaded).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "file:         /etc/colloquy.toml\nenvironment:  COLLOQUY_DATA_DIR\ncommand line: nothing set\n\
             data folder:  /data\nwarning: environment variable COLLOQUY_X: x: is odd\nok\n"
        );
    }
}
