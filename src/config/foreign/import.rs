//! From their file to ours.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use figment::{Figment, providers::Serialized};
use serde_json::{Map, Value, json};
use url::Url;

use super::{collect, name, names};
use colloquy_calendar::one_line::one_line;

use crate::config::{
    Config,
    environment::insert,
    file::ConfigFile,
    schema::Schema,
    secret_keys,
    validate::{self, Violation},
};

/// Port that both listen on where nothing else is said.
const PORT: u16 = 11_311;

/// What they call the claim that names a tenant, unless they say otherwise.
const TENANT_CLAIM: &str = "tenant_id";

/// The text of our configuration file that says what theirs says, with a comment for every setting that has no counterpart,
/// and for what `config check` would say of it. It holds their secrets.
pub(super) fn import(file: &ConfigFile) -> String {
    let mut import = Import::new(file);
    import.parts();
    import.renamed();
    import.rest();
    let violations = import.settled();
    import.text(&violations)
}

struct Import<'a> {
    file: &'a ConfigFile,
    schema: Schema,
    ours: Map<String, Value>,
    /// Their settings, by dotted name, that were taken over or spoken of.
    done: BTreeSet<String>,
    /// Their settings that did not become ours, and why.
    left: Vec<(Vec<String>, String)>,
}

impl<'a> Import<'a> {
    fn new(file: &'a ConfigFile) -> Self {
        Self {
            file,
            schema: Schema::new(),
            ours: Map::new(),
            done: BTreeSet::new(),
            left: Vec::new(),
        }
    }

    fn get(&self, theirs: &str) -> Option<&'a Value> {
        let mut names = theirs.split('.');
        let first = self.file.data.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    fn at(&self, path: &[String]) -> Option<&'a Value> {
        let (first, rest) = path.split_first()?;
        let first = self.file.data.get(first)?;
        rest.iter().try_fold(first, |value, name| value.get(name))
    }

    /// The value, which counts as taken over.
    fn take(&mut self, theirs: &str) -> Option<&'a Value> {
        let value = self.get(theirs)?;
        self.done.insert(theirs.to_owned());
        Some(value)
    }

    fn take_text(&mut self, theirs: &str) -> Option<&'a str> {
        let value = self.take(theirs)?;
        if value.is_string() {
            value.as_str()
        } else {
            self.leave(theirs, "is no text");
            None
        }
    }

    fn take_flag(&mut self, theirs: &str) -> Option<bool> {
        let value = self.take(theirs)?;
        if value.is_boolean() {
            value.as_bool()
        } else {
            self.leave(theirs, "is neither true nor false");
            None
        }
    }

    fn leave(&mut self, theirs: &str, why: &str) {
        self.done.insert(theirs.to_owned());
        let path = theirs.split('.').map(str::to_owned).collect();
        self.left.push((path, why.to_owned()));
    }

    /// Sets ours, unless it is set already.
    fn set(&mut self, ours: &str, value: Value) {
        let path: Vec<_> = ours.split('.').map(str::to_owned).collect();
        if !contains(&self.ours, &path) {
            insert(&mut self.ours, &path, value);
        }
    }

    /// What is made of several settings, or in another form.
    fn parts(&mut self) {
        self.listener();
        self.issuer();
        self.user_search();
        self.claims();
        self.turn_servers();
        if self.get("minio").is_some_and(Value::is_object) {
            self.set("assets.store", json!("s3"));
        }
        if let Some(is_off) = self.take_flag("endpoints.disable_users_find") {
            self.set("defaults.user_search", json!(if is_off { "off" } else { "on" }));
        }
        // Where no queue of recorders is named, the broker was for mails alone.
        if self.get("rabbit_mq.recording_task_queue").is_some()
            && let Some(url) = self.take_text("rabbit_mq.url")
        {
            self.set("recording.amqp_url", json!(url));
        }
        // Theirs lets nobody be invited from outside unless it says so.
        if self
            .get("endpoints.event_invite_external_email_address")
            .is_none()
        {
            self.set("mail.external_invitations", json!(false));
        }
    }

    fn listener(&mut self) {
        let address = self.take_text("http.addr").map(str::parse::<IpAddr>);
        let port = self
            .take("http.port")
            .map(|port| port.as_u64().map(u16::try_from));
        let ip = match address {
            Some(Err(_)) => return self.leave("http.addr", "is no address; set http.listen"),
            Some(Ok(ip)) => ip,
            None if port.is_none() => return,
            None => Ipv4Addr::UNSPECIFIED.into(),
        };
        let port = match port {
            None => PORT,
            Some(Some(Ok(port))) => port,
            Some(_) => return self.leave("http.port", "is no port; set http.listen"),
        };
        self.set("http.listen", json!(SocketAddr::new(ip, port).to_string()));
    }

    /// The issuer as clients know it, and as the server reaches it.
    fn issuer(&mut self) {
        let both = self.take_text("oidc.authority");
        let clients = self.take_text("oidc.frontend.authority").or(both);
        let own = self.take_text("oidc.controller.authority").or(both);
        let own = own.map(|own| own.trim_end_matches('/'));
        let realm = self.keycloak("realms");
        let authority = clients.map(|url| url.trim_end_matches('/').to_owned()).or(realm);
        if let Some(own) = own.filter(|own| authority.as_deref() != Some(*own)) {
            self.set("oidc.service_authority", json!(own));
        }
        if let Some(authority) = authority {
            self.set("oidc.authority", json!(authority));
        }
    }

    /// A URL of the realm: `<base>/<folders>/<realm>`.
    fn keycloak(&mut self, folders: &str) -> Option<String> {
        let (base, realm) = (
            self.take_text("keycloak.base_url"),
            self.take_text("keycloak.realm"),
        );
        let (base, realm) = base.zip(realm)?;
        let Ok(mut url) = Url::parse(base) else {
            self.leave("keycloak.base_url", "is no URL; set oidc.authority");
            return None;
        };
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(folders.split('/'))
            .push(realm);
        Some(url.into())
    }

    /// Their clients for that are three: the newest that is named counts.
    fn user_search(&mut self) {
        match self
            .get("user_search.users_find_behavior")
            .and_then(Value::as_str)
        {
            Some("disabled") => {
                self.take("user_search.users_find_behavior");
                self.set("defaults.user_search", json!("off"));
            }
            Some("from_database") => {
                self.take("user_search.users_find_behavior");
                for key in ["api_base_url", "client_id", "client_secret"] {
                    let theirs = format!("user_search.{key}");
                    if self.get(&theirs).is_some() {
                        self.leave(&theirs, "people are found in the database alone");
                    }
                }
            }
            _ => {}
        }
        let by_keycloak = self.take_flag("endpoints.users_find_use_kc") == Some(true);
        if self.get("user_search.api_base_url").is_none()
            && by_keycloak
            && let Some(url) = self.keycloak("admin/realms")
        {
            self.set("oidc.user_search.api_url", json!(url));
        }
        let is_asked = self.get("user_search.api_base_url").is_some() || by_keycloak;
        for (key, ours) in [
            ("client_id", "oidc.user_search.client_id"),
            ("client_secret", "oidc.user_search.client_secret"),
        ] {
            for section in ["user_search", "oidc.controller", "keycloak"] {
                let theirs = format!("{section}.{key}");
                if self.get(&theirs).is_some() && !is_asked {
                    self.leave(
                        &theirs,
                        "nobody asks the provider for people; see oidc.user_search",
                    );
                } else if let Some(text) = self.take_text(&theirs) {
                    self.set(ours, json!(text));
                }
            }
        }
    }

    fn claims(&mut self) {
        let claim = self.take_text("tenants.external_tenant_id_user_attribute_name");
        match (self.take_text("tenants.assignment"), claim) {
            (Some("static"), _) => self.set("oidc.claims.tenant_id", json!("")),
            (None, None) => {}
            // Should the realm call the claim otherwise, people are refused instead of all being in one tenant.
            (_, claim) => {
                self.set("oidc.claims.tenant_id", json!(claim.unwrap_or(TENANT_CLAIM)));
                self.set("oidc.tenant_required", json!(true));
            }
        }
        if self.take_text("tariffs.assignment") == Some("static") {
            self.set("oidc.claims.tariff_id", json!(""));
        }
    }

    fn turn_servers(&mut self) {
        let Some(Value::Array(servers)) = self.get("turn.servers") else {
            return;
        };
        let renamed = servers.iter().map(|server| {
            let mut server = server.clone();
            if let Value::Object(members) = &mut server
                && let Some(secret) = members.remove("pre_shared_key")
            {
                members.insert("secret".to_owned(), secret);
            }
            server
        });
        let renamed = Value::Array(renamed.collect());
        self.done.insert("turn.servers".to_owned());
        self.set("turn.servers", renamed);
    }

    fn renamed(&mut self) {
        for (theirs, ours, is_inverted) in names::renamed() {
            if self.done.contains(theirs) {
                continue;
            }
            let Some(value) = self.take(theirs) else { continue };
            let path: Vec<_> = ours.split('.').collect();
            match (is_inverted, value) {
                _ if self.schema.at(&path).is_none() => {
                    self.leave(theirs, &format!("{ours}, which this version does not have"));
                }
                (true, Value::Bool(value)) => self.set(ours, json!(!value)),
                (true, _) => self.leave(theirs, "is neither true nor false"),
                (false, value) => self.set(ours, value.clone()),
            }
        }
    }

    /// What is called the same is the same, and the rest has no counterpart.
    fn rest(&mut self) {
        let mut paths = Vec::new();
        collect(
            &Value::Object(self.file.data.clone()),
            &mut Vec::new(),
            &mut paths,
        );
        for path in paths {
            let theirs = path.join(".");
            if self.done.contains(&theirs) || path.is_empty() {
                continue;
            }
            match self.schema.at(&path) {
                Some(Value::Object(_)) | None => {
                    let told = names::counterpart(&name(&path)).map(names::Counterpart::told);
                    self.left
                        .push((path, told.unwrap_or_else(|| "is not known here".to_owned())));
                }
                Some(_) => {
                    if let Some(value) = self.at(&path) {
                        self.set(&theirs, value.clone());
                    }
                }
            }
        }
    }

    /// Takes out what can't be read, and says which rules the rest breaks.
    fn settled(&mut self) -> Vec<Violation> {
        loop {
            let figment = Figment::from(Serialized::defaults(Config::default()));
            let errors = match figment.merge(Serialized::defaults(&self.ours)).extract() {
                Ok(config) => return validate::violations(&config),
                Err(errors) => errors,
            };
            let mut is_out = false;
            for error in errors {
                let path: Vec<_> = error.path.clone();
                is_out |= remove(&mut self.ours, &path);
                self.left
                    .push((path, secret_keys::reason(&error.path, &error.kind)));
            }
            if !is_out {
                return Vec::new();
            }
        }
    }

    fn text(mut self, violations: &[Violation]) -> String {
        let from = one_line(&self.file.path.display().to_string());
        let mut text = format!(
            "# Settings of Colloquy, made of {from}. Secrets of it stand here: let nobody else read this file, and look through it.\n"
        );
        section(&mut text, "", &self.ours);
        if !self.left.is_empty() {
            text.push_str("\n# What has no counterpart here:\n");
        }
        self.left.sort_by_key(|(path, _)| self.file.line(path));
        self.left.dedup();
        for (path, why) in &self.left {
            let line = self.file.line(path);
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            comment(&mut text, &format!("{line}{}: {why}", path.join(".")));
        }
        if !violations.is_empty() {
            text.push_str("\n# What is to be put right:\n");
        }
        for violation in violations {
            comment(&mut text, &format!("{}: {}", violation.key, violation.message));
        }
        text
    }
}

/// A line of its own whatever stands in it.
fn comment(text: &mut String, told: &str) {
    // Writing into a text does not fail.
    let _ = writeln!(text, "# {}", one_line(told));
}

/// A section with its settings, then the sections below it.
fn section(text: &mut String, path: &str, members: &Map<String, Value>) {
    let (sections, settings): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| value.is_object());
    if !path.is_empty() && !settings.is_empty() {
        let _ = writeln!(text, "\n[{path}]");
    }
    for (key, value) in settings {
        // All keys are ours, so they need no quotes; null is no value of TOML.
        if let Ok(value) = toml::Value::try_from(value) {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    for (key, value) in sections {
        let Value::Object(members) = value else { continue };
        let below = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        section(text, &below, members);
    }
}

fn contains(members: &Map<String, Value>, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let first = members.get(first);
    rest.iter()
        .try_fold(first, |value, name| Some(value?.get(name)))
        .flatten()
        .is_some()
}

/// Takes a setting out, a list as a whole. Whether there was one.
fn remove(members: &mut Map<String, Value>, path: &[String]) -> bool {
    match path {
        [] => false,
        [name] => members.remove(name).is_some(),
        [name, rest @ ..] => match members.get_mut(name) {
            Some(Value::Object(below)) => remove(below, rest),
            Some(_) => members.remove(name).is_some(),
            None => false,
        },
    }
}
