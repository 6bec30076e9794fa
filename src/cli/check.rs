//! `colloquy config check`: settings were loaded, so they hold; say where they came from.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use colloquy_report::SystemFonts;

use super::{
    advice,
    online::{self, Found},
};
use crate::config::Loaded;

pub(super) fn run(loaded: &Loaded, online: bool) -> ExitCode {
    let loaded = &with_advice(loaded);
    let found = if online {
        online::ask(&loaded.config)
    } else {
        Vec::new()
    };
    // A closed stdout is the reader's choice.
    let _ = print(&mut io::stdout().lock(), loaded, &found);
    if found.iter().all(|found| found.is_fine) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The same with what is said of the settings beside what is stored.
fn with_advice(loaded: &Loaded) -> Loaded {
    let mut loaded = loaded.clone();
    loaded.warnings.extend(advice::on_tenants(&loaded.config));
    loaded.warnings.extend(advice::on_fonts(&SystemFonts::default()));
    loaded
}

fn print(out: &mut impl Write, loaded: &Loaded, found: &[Found]) -> io::Result<()> {
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
    for (module, keys) in loaded.config.lacking_modules() {
        writeln!(out, "module {module}: off, it needs {keys}")?;
    }
    for problem in &loaded.warnings {
        writeln!(out, "warning: {problem}")?;
    }
    for Found { whom, line, .. } in found {
        writeln!(out, "{whom}: {line}")?;
    }
    if found.iter().all(|found| found.is_fine) {
        writeln!(out, "ok")
    } else {
        writeln!(out, "not ok")
    }
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
    use crate::config::{Config, Problem, SettingSource};

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
                place: SettingSource::Variable("COLLOQUY_X".to_owned()),
                key: "x".to_owned(),
                message: "is odd".to_owned(),
            }],
        };
        let mut out = Vec::new();
        print(&mut out, &loaded, &[]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "file:         /etc/colloquy.toml\nenvironment:  COLLOQUY_DATA_DIR\ncommand line: nothing set\n\
             data folder:  /data\n\
             module meeting_notes: off, it needs etherpad.base_url\n\
             module recording: off, it needs recording.hand_out or recording.amqp_url\n\
             module recording_service: off, it needs recording.hand_out or recording.amqp_url\n\
             module subroom_audio: off, it needs livekit.whisper_groups\n\
             module shared_folder: off, it needs shared_folder.url\n\
             module whiteboard: off, it needs whiteboard.base_url\nwarning: environment variable COLLOQUY_X: x: is odd\nok\n"
        );
    }

    #[test]
    fn a_provider_that_is_not_usable_is_not_ok() {
        let loaded = Loaded {
            config: Config::default(),
            file: None,
            variables: Vec::new(),
            flags: Vec::new(),
            warnings: Vec::new(),
        };
        for (is_fine, end) in [
            (true, "\nidentity provider: x\nok\n"),
            (false, "\nidentity provider: x\nnot ok\n"),
        ] {
            let found = [Found {
                whom: "identity provider",
                line: "x".to_owned(),
                is_fine,
            }];
            let mut out = Vec::new();
            print(&mut out, &loaded, &found).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.ends_with(end), "{text}");
        }
    }
}
