//! Rules of the settings of mail.

use lettre::Address;

use super::Rules;
use crate::config::MailSettings;

impl Rules {
    pub(super) fn mail(&mut self, mail: &MailSettings) {
        self.require("mail.port", mail.port > 0, "must be at least 1");
        self.positive("mail.retry_secs", mail.retry_secs);
        self.span("mail.retry_secs", mail.retry_secs);
        self.positive("mail.give_up_secs", mail.give_up_secs);
        self.span("mail.give_up_secs", mail.give_up_secs);
        self.require(
            "mail.from_name",
            !mail.from_name.chars().any(char::is_control),
            "must be one line",
        );
        for (key, address) in [
            ("mail.from_address", &mail.from_address),
            ("mail.report_address", &mail.report_address),
        ] {
            self.require(
                key,
                address
                    .as_ref()
                    .is_none_or(|address| address.parse::<Address>().is_ok()),
                "must be an e-mail address without a name",
            );
        }
        if let Some(url) = &mail.web_client_url {
            self.web_url("mail.web_client_url", url);
        }
        self.require(
            "mail.password",
            mail.user.is_some() == mail.password.is_some(),
            "is needed exactly when mail.user is set",
        );
        if let Some(host) = &mail.host {
            self.mail_server(mail, host);
        }
    }

    fn mail_server(&mut self, mail: &MailSettings, host: &str) {
        self.filled("mail.host", host);
        self.require(
            "mail.host",
            host.trim().is_empty()
                || url::Host::parse(host).is_ok()
                || host.parse::<std::net::IpAddr>().is_ok(),
            "must be a name or an address alone: the port is mail.port",
        );
        self.require(
            "mail.from_address",
            mail.from_address.is_some(),
            "is needed with mail.host",
        );
        self.require(
            "mail.web_client_url",
            mail.web_client_url.is_some(),
            "is needed with mail.host",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use crate::{
        config::{Config, MailSettings, MailTls},
        secrets::Secret,
    };

    fn keys(change: impl FnOnce(&mut MailSettings)) -> Vec<String> {
        let mail = MailSettings {
            host: Some("smtp.example.org".to_owned()),
            from_address: Some("meetings@example.org".to_owned()),
            web_client_url: "https://meet.example.org".parse().ok(),
            ..MailSettings::default()
        };
        let mut config = Config {
            mail,
            ..Config::default()
        };
        change(&mut config.mail);
        violations(&config)
            .into_iter()
            .map(|violation| violation.key)
            .collect()
    }

    #[test]
    fn a_mail_server_needs_a_sender_and_a_web_client() {
        assert_eq!(keys(|_| {}), Vec::<String>::new());
        assert_eq!(keys(|mail| mail.from_address = None), ["mail.from_address"]);
        assert_eq!(
            keys(|mail| mail.from_address = Some("A <a@b.example>".to_owned())),
            ["mail.from_address"]
        );
        assert_eq!(
            keys(|mail| mail.report_address = Some("abuse".to_owned())),
            ["mail.report_address"]
        );
        assert_eq!(keys(|mail| mail.web_client_url = None), ["mail.web_client_url"]);
        for host in ["", "smtp.example.org:587", "smtp://smtp.example.org"] {
            assert_eq!(
                keys(|mail| mail.host = Some(host.to_owned())),
                ["mail.host"],
                "{host}"
            );
        }
        assert_eq!(
            keys(|mail| mail.from_name = "A\nB".to_owned()),
            ["mail.from_name"]
        );
        assert_eq!(keys(|mail| mail.retry_secs = 0), ["mail.retry_secs"]);
    }

    #[test]
    fn a_password_goes_to_other_machines_by_tls_only() {
        let password = |mail: &mut MailSettings| {
            mail.user = Some("colloquy".to_owned());
            mail.password = Some(Secret::new("secret"));
            mail.tls = MailTls::None;
        };
        assert_eq!(keys(password), ["mail.tls"]);
        for host in ["localhost", "127.0.0.1", "::1"] {
            let local = |mail: &mut MailSettings| {
                password(mail);
                mail.host = Some(host.to_owned());
            };
            assert_eq!(keys(local), Vec::<String>::new(), "{host}");
        }
        assert_eq!(
            keys(|mail| mail.user = Some("colloquy".to_owned())),
            ["mail.password"]
        );
    }
}
