//! Where an issuer is known to clients, and where this server asks it.

use url::Url;

/// The two URLs of an issuer, which are one where this server reaches it as everybody does.
#[derive(Debug, Clone)]
pub struct IssuerUrls {
    /// What tokens and clients call it.
    authority: Url,
    /// Where this server asks, where that is another URL.
    service: Option<Url>,
}

impl IssuerUrls {
    #[must_use]
    pub fn new(authority: Url, service: Option<Url>) -> Self {
        Self { authority, service }
    }

    #[must_use]
    pub fn authority(&self) -> &Url {
        &self.authority
    }

    /// The URL that is asked.
    #[must_use]
    pub fn asked(&self) -> &Url {
        self.service.as_ref().unwrap_or(&self.authority)
    }

    /// Where the issuer describes itself (OpenID Connect Discovery 1.0, section 4).
    #[must_use]
    pub fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", base(self.asked()))
    }

    /// Whether this name is the issuer's. A URL without a path is written with and without a slash.
    #[must_use]
    pub fn is_called(&self, issuer: &str) -> bool {
        issuer.trim_end_matches('/') == base(&self.authority)
    }

    /// The URL by which this server asks what the issuer calls `endpoint`.
    #[must_use]
    pub fn reached(&self, endpoint: Url) -> Url {
        let Some(service) = &self.service else {
            return endpoint;
        };
        let rest = below(&endpoint, &self.authority);
        let reached = rest.and_then(|rest| Url::parse(&format!("{}{rest}", base(service))).ok());
        reached.unwrap_or(endpoint)
    }

    /// Whether this URL may be asked as it is: nobody on the way must be able to put keys of its own into the answer. In clear
    /// only an issuer that is known by http, and what lies below a service authority that may be asked so.
    #[must_use]
    pub fn may_ask(&self, url: &Url) -> bool {
        url.scheme() == "https"
            || match &self.service {
                Some(service) => below(url, service).is_some(),
                None => self.authority.scheme() == "http",
            }
    }
}

fn base(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

/// What follows a URL in another one that lies below it.
fn below<'a>(url: &'a Url, above: &Url) -> Option<&'a str> {
    let rest = url.as_str().strip_prefix(base(above))?;
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn place(authority: &str, service: Option<&str>) -> IssuerUrls {
        IssuerUrls::new(url(authority), service.map(url))
    }

    #[test]
    fn endpoints_below_the_authority_are_asked_below_the_service_authority() {
        let inside = place(
            "https://id.example.org/realms/a",
            Some("http://keycloak:8080/realms/a/"),
        );
        assert_eq!(
            inside.discovery(),
            "http://keycloak:8080/realms/a/.well-known/openid-configuration"
        );
        for (endpoint, reached) in [
            (
                "https://id.example.org/realms/a/certs?x=1",
                "http://keycloak:8080/realms/a/certs?x=1",
            ),
            (
                "https://ID.example.org:443/realms/a/certs",
                "http://keycloak:8080/realms/a/certs",
            ),
            (
                "https://id.example.org/realms/ab/certs",
                "https://id.example.org/realms/ab/certs",
            ),
            ("https://keys.example.org/certs", "https://keys.example.org/certs"),
            (
                "http://keycloak:8080/realms/a/certs",
                "http://keycloak:8080/realms/a/certs",
            ),
        ] {
            assert_eq!(inside.reached(url(endpoint)), url(reached), "{endpoint}");
        }
        let whole = place("https://id.example.org", Some("http://10.0.0.1"));
        assert_eq!(
            whole.reached(url("https://id.example.org/keys")),
            url("http://10.0.0.1/keys")
        );
        let alone = place("https://id.example.org/r", None);
        assert_eq!(
            alone.reached(url("https://id.example.org/r/k")),
            url("https://id.example.org/r/k")
        );
    }

    #[test]
    fn what_is_asked_decides_whether_it_may_be_in_clear() {
        let inside = place("https://id.example.org/r", Some("http://keycloak:8080/r"));
        for (asked, may) in [
            ("http://keycloak:8080/r/keys", true),
            ("http://keycloak:8080/rr/keys", false),
            ("http://id.example.org/r/keys", false),
            ("https://id.example.org/r/keys", true),
        ] {
            assert_eq!(inside.may_ask(&url(asked)), may, "{asked}");
        }
        let over_tls = place("https://id.example.org/r", Some("https://id.internal/r"));
        assert!(!over_tls.may_ask(&url("http://id.internal/r/keys")));
        assert!(!place("https://a.example", None).may_ask(&url("http://a.example/keys")));
        assert!(place("http://127.0.0.1:1", None).may_ask(&url("http://127.0.0.1:1/keys")));
    }

    #[test]
    fn an_issuer_is_called_as_clients_call_it() {
        let inside = place("https://id.example.org/r/", Some("http://keycloak:8080/r"));
        assert!(
            inside.is_called("https://id.example.org/r") && inside.is_called("https://id.example.org/r/")
        );
        assert!(!inside.is_called("http://keycloak:8080/r") && !inside.is_called("https://id.example.org/s"));
    }
}
