//! What a person who started the server wants to know, on stdout.

use std::{
    io::{self, Write},
    path::Path,
};

use crate::config::Config;

/// Prints where to find things at a server. Passwords appear only while the development issuer is on.
pub(super) fn print(out: &mut impl Write, config: &Config, data_folder: &Path) -> io::Result<()> {
    let server = config.http.public_url();
    writeln!(out, "Colloquy {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  Server       {server}")?;
    if config.http.docs {
        writeln!(out, "  REST API     {server}docs")?;
    }
    writeln!(out, "  Data folder  {}", data_folder.display())?;
    let Some(issuer) = config.dev_issuer_url() else {
        return out.flush();
    };
    writeln!(out, "  Sign-in      {issuer}/.well-known/openid-configuration")?;
    users(out, config)
}

/// Prints where a stand-alone development issuer is, and how servers use it.
pub(super) fn print_issuer(
    out: &mut impl Write,
    config: &Config,
    issuer: &str,
    data_folder: &Path,
) -> io::Result<()> {
    writeln!(out, "Colloquy {}, development issuer", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  Authority    {issuer}")?;
    writeln!(out, "  Servers      COLLOQUY_OIDC__AUTHORITY={issuer} colloquy")?;
    writeln!(out, "  Data folder  {}", data_folder.display())?;
    users(out, config)
}

fn users(out: &mut impl Write, config: &Config) -> io::Result<()> {
    writeln!(
        out,
        "Development users (anyone who reaches this server can sign in as them):"
    )?;
    for user in &config.dev_issuer.users {
        let roles = if user.roles.is_empty() {
            String::new()
        } else {
            format!("  ({})", user.roles.join(", "))
        };
        writeln!(out, "  {:<12} password {}{roles}", user.username, user.password)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(config: &Config) -> String {
        let mut out = Vec::new();
        print(&mut out, config, Path::new("/data")).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn in_development_it_tells_how_to_sign_in() {
        let text = greeting(&Config::default());
        for part in [
            "http://127.0.0.1:11311/\n",
            "http://127.0.0.1:11311/docs\n",
            "http://127.0.0.1:11311/dev-issuer/.well-known/openid-configuration\n",
            "/data\n",
            "  alice        password alice\n",
            "  recorder     password recorder  (opentalk-recorder)\n",
        ] {
            assert!(text.contains(part), "`{part}` is missing in\n{text}");
        }
    }

    #[test]
    fn documents_that_are_off_are_not_told() {
        let mut config = Config::default();
        config.http.docs = false;
        assert!(!greeting(&config).contains("docs"));
    }

    #[test]
    fn with_an_external_issuer_no_password_appears() {
        let mut config = Config::default();
        config.oidc.authority = Some("https://id.example.org".parse().unwrap());
        let text = greeting(&config);
        assert!(!text.contains("alice") && !text.contains("password"), "{text}");
    }

    #[test]
    fn an_issuer_tells_servers_how_to_use_it() {
        let mut out = Vec::new();
        let authority = "http://127.0.0.1:11399/dev-issuer";
        print_issuer(&mut out, &Config::default(), authority, Path::new("/data")).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in [
            format!("  Authority    {authority}\n"),
            format!("COLLOQUY_OIDC__AUTHORITY={authority} colloquy\n"),
            "  alice        password alice\n".to_owned(),
        ] {
            assert!(text.contains(&part), "`{part}` is missing in\n{text}");
        }
    }
}
