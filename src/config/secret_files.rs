//! Secrets that stand in files of their own, such as the credentials of a systemd unit.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use super::{ClusterNode, Config, validate::Violation};
use crate::secrets::Secret;

/// Bytes of such a file.
const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;

/// What other users must not have of a file with secrets.
#[cfg(unix)]
const READABLE_BY_OTHERS: u32 = 0o004;

/// What neither group nor others must have: who writes to the configuration has the server in hand.
#[cfg(unix)]
const WRITABLE: u32 = 0o022;

/// Reads every secret that stands in a file, and puts it where it belongs. What can't be read is told.
pub(super) fn read_into(config: &mut Config) -> Vec<Violation> {
    let mut files = Files(Vec::new());
    let (database, livekit) = (&mut config.database, &mut config.livekit);
    if let Some(url) = files.read("database.url_file", database.url_file.as_deref()) {
        database.url = Some(url.reveal().to_owned());
    }
    if let Some(secret) = files.read("livekit.api_secret_file", livekit.api_secret_file.as_deref()) {
        livekit.api_secret = secret;
    }
    for (key, file, secret) in optional(config) {
        if let Some(read) = files.read(key, file) {
            *secret = Some(read);
        }
    }
    for (key, file, secret) in of_cluster(&mut config.cluster) {
        if let Some(read) = files.read(key, file) {
            *secret = Some(read);
        }
    }
    for (index, server) in config.turn.servers.iter_mut().enumerate() {
        let key = format!("turn.servers.{index}.secret_file");
        if server.secret_file.is_some() && !server.secret.reveal().is_empty() {
            files.refuse(
                &key,
                "stands beside the secret itself: name one of them".to_owned(),
            );
        } else if let Some(secret) = files.read(&key, server.secret_file.as_deref()) {
            server.secret = secret;
        }
    }
    files.0
}

/// The secrets of a node of a cluster, with their files and keys.
fn of_cluster(cluster: &mut ClusterNode) -> [(&'static str, Option<&Path>, &mut Option<Secret>); 3] {
    [
        (
            "cluster.secret_file",
            cluster.secret_file.as_deref(),
            &mut cluster.secret,
        ),
        (
            "cluster.other_secret_file",
            cluster.other_secret_file.as_deref(),
            &mut cluster.other_secret,
        ),
        (
            "cluster.redis_url_file",
            cluster.redis_url_file.as_deref(),
            &mut cluster.redis_url,
        ),
    ]
}

/// Secrets that may be absent, with their files and keys.
fn optional(config: &mut Config) -> [(&'static str, Option<&Path>, &mut Option<Secret>); 7] {
    let Config {
        oidc,
        mail,
        shared_folder,
        whiteboard,
        etherpad,
        assets,
        recording,
        ..
    } = config;
    [
        (
            "oidc.user_search.client_secret_file",
            oidc.user_search.client_secret_file.as_deref(),
            &mut oidc.user_search.client_secret,
        ),
        (
            "mail.password_file",
            mail.password_file.as_deref(),
            &mut mail.password,
        ),
        (
            "shared_folder.password_file",
            shared_folder.password_file.as_deref(),
            &mut shared_folder.password,
        ),
        (
            "whiteboard.api_key_file",
            whiteboard.api_key_file.as_deref(),
            &mut whiteboard.api_key,
        ),
        (
            "etherpad.api_key_file",
            etherpad.api_key_file.as_deref(),
            &mut etherpad.api_key,
        ),
        (
            "assets.s3.secret_access_key_file",
            assets.s3.secret_access_key_file.as_deref(),
            &mut assets.s3.secret_access_key,
        ),
        (
            "recording.amqp_url_file",
            recording.amqp_url_file.as_deref(),
            &mut recording.amqp_url,
        ),
    ]
}

/// Files with secrets that other users of this machine can read, with their modes. Below /run is what the system, or the
/// keeper of a container, has laid there.
pub(super) fn exposed(config: &Config) -> Vec<Violation> {
    let turn = config.turn.servers.iter().enumerate();
    let turn = turn.map(|(index, server)| (format!("turn.servers.{index}.secret_file"), &server.secret_file));
    let others = [
        ("database.url_file", &config.database.url_file),
        ("livekit.api_secret_file", &config.livekit.api_secret_file),
        (
            "oidc.user_search.client_secret_file",
            &config.oidc.user_search.client_secret_file,
        ),
        ("mail.password_file", &config.mail.password_file),
        ("shared_folder.password_file", &config.shared_folder.password_file),
        ("whiteboard.api_key_file", &config.whiteboard.api_key_file),
        ("etherpad.api_key_file", &config.etherpad.api_key_file),
        (
            "assets.s3.secret_access_key_file",
            &config.assets.s3.secret_access_key_file,
        ),
        ("recording.amqp_url_file", &config.recording.amqp_url_file),
    ];
    let all = others.into_iter().map(|(key, file)| (key.to_owned(), file));
    all.chain(turn)
        .filter_map(|(key, file)| {
            let file = file.as_deref().filter(|file| !file.starts_with("/run"))?;
            let message = exposure(file, true)?;
            Some(Violation { key, message })
        })
        .collect()
}

/// Says that group or others can write to a file, or others read it where it has secrets, if they can.
#[cfg(unix)]
pub(super) fn exposure(file: &Path, has_secrets: bool) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let is_readable = has_secrets && mode & READABLE_BY_OTHERS != 0;
    let allowed = match (is_readable, mode & WRITABLE != 0) {
        (true, true) => "read the secrets and write to it",
        (true, false) => "read the secrets",
        (false, true) => "write to it",
        (false, false) => return None,
    };
    Some(format!(
        "the mode {mode:04o} of {} lets other users of this machine {allowed}; 0640 does not",
        file.display()
    ))
}

#[cfg(not(unix))]
pub(super) fn exposure(_file: &Path, _has_secrets: bool) -> Option<String> {
    None
}

struct Files(Vec<Violation>);

impl Files {
    fn refuse(&mut self, key: &str, message: String) {
        self.0.push(Violation {
            key: key.to_owned(),
            message,
        });
    }

    fn read(&mut self, key: &str, file: Option<&Path>) -> Option<Secret> {
        let file = file?;
        match text(file) {
            Ok(text) if text.is_empty() => self.refuse(key, format!("{} is empty", file.display())),
            Ok(text) => return Some(Secret::new(text)),
            Err(error) => self.refuse(key, format!("cannot read {}: {error}", file.display())),
        }
        None
    }
}

/// The text of a file without the end of its last line.
fn text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(file)?
        .take(SECRET_FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if read as u64 > SECRET_FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is larger than {SECRET_FILE_BYTES_MAX} bytes"
        )));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use tempfile::TempDir;

    use super::*;

    fn file(folder: &TempDir, name: &str, content: &str) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn every_secret_comes_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let toml = |name: &str| format!("'{}'", file(&folder, name, &format!("the {name}\n")).display());
        let mut config: Config = toml::from_str(&format!(
            "database.url_file = {}\nlivekit.api_secret_file = {}\nmail.password_file = {}\n\
             shared_folder.password_file = {}\nwhiteboard.api_key_file = {}\netherpad.api_key_file = {}\nassets.s3.secret_access_key_file = {}\n\
             recording.amqp_url_file = {}\nturn.servers = [{{ uris = ['turn:t'], secret_file = {} }}]\noidc.user_search.client_secret_file = {}",
            toml("url"),
            toml("livekit"),
            toml("mail"),
            toml("folder"),
            toml("board"),
            toml("pad"),
            toml("s3"),
            toml("broker"),
            toml("turn"),
            toml("directory"),
        ))
        .unwrap();
        assert_eq!(read_into(&mut config), []);
        let shown = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.reveal().to_owned());
        assert_eq!(config.database.url.as_deref(), Some("the url"));
        assert_eq!(config.livekit.api_secret.reveal(), "the livekit");
        assert_eq!(
            shown(&config.oidc.user_search.client_secret).as_deref(),
            Some("the directory")
        );
        assert_eq!(shown(&config.mail.password).as_deref(), Some("the mail"));
        assert_eq!(
            shown(&config.shared_folder.password).as_deref(),
            Some("the folder")
        );
        assert_eq!(shown(&config.whiteboard.api_key).as_deref(), Some("the board"));
        assert_eq!(shown(&config.etherpad.api_key).as_deref(), Some("the pad"));
        assert_eq!(
            shown(&config.assets.s3.secret_access_key).as_deref(),
            Some("the s3")
        );
        assert_eq!(shown(&config.recording.amqp_url).as_deref(), Some("the broker"));
        assert_eq!(config.turn.servers[0].secret.reveal(), "the turn");
    }

    #[test]
    fn what_can_not_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(64 * 1024 + 1);
        for (path, reason) in [
            (folder.path().join("missing"), "No such file"),
            (file(&folder, "empty", "\n"), "is empty"),
            (file(&folder, "long", &long), "larger"),
        ] {
            let mut config = Config::default();
            config.mail.password_file = Some(path);
            let violations = read_into(&mut config);
            assert_eq!(violations.len(), 1);
            assert_eq!(violations[0].key, "mail.password_file");
            assert!(violations[0].message.contains(reason), "{violations:?}");
        }
    }

    #[test]
    fn ends_of_lines_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        for (content, expected) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), (" a \n\n", " a \n")] {
            assert_eq!(
                text(&file(&folder, "x", content)).unwrap(),
                expected,
                "{content:?}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn files_that_others_can_read_are_told() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "x", "secret");
        let mut config = Config::default();
        config.mail.password_file = Some(path.clone());
        for (mode, allowed) in [
            (0o600, None),
            (0o640, None),
            (0o660, Some("machine write to it;")),
            (0o644, Some("machine read the secrets;")),
            (0o604, Some("machine read the secrets;")),
            (0o646, Some("machine read the secrets and write to it;")),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let told = exposed(&config);
            assert_eq!(told.len(), usize::from(allowed.is_some()), "{mode:o}");
            for told in told {
                assert_eq!(told.key, "mail.password_file");
                assert!(told.message.contains(allowed.unwrap()), "{told:?}");
            }
        }
    }
}
