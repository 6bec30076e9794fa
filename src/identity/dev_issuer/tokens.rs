//! The tokens of a session.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{ACCESS_AUDIENCE, DevIssuer, limits::ACCESS_LIFETIME, sessions::Session, users::User};
use crate::{
    config::ClaimNames,
    identity::{
        TokenError, TokenRefusal, VerifiedToken,
        jwt::{Claims, Unverified},
        keys::Wanted,
        rules::{self, AccessToken, Expected},
    },
};

/// Header type of refresh tokens: nobody but this issuer takes them for anything.
const REFRESH_TYPE: &str = "rt+jwt";

/// Answer of the token endpoint (RFC 6749, section 5.1).
#[derive(Debug, Serialize)]
pub(super) struct TokenAnswer {
    access_token: String,
    refresh_token: String,
    id_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// Seconds until the refresh token expires.
    refresh_expires_in: i64,
    scope: String,
}

/// A session as a token names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionRef<'a> {
    pub id: &'a str,
    pub session: &'a Session,
}

/// What a refresh token says.
pub(super) struct RefreshClaims {
    pub session: String,
    pub refresh_id: String,
}

impl DevIssuer {
    /// Access, refresh and ID token of a session. `nonce` is that of the authorization request.
    pub(super) fn mint(
        &self,
        of: SessionRef<'_>,
        user: &User,
        nonce: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<TokenAnswer, jsonwebtoken::errors::Error> {
        let access_token = self.signer.sign("at+jwt", &self.access_claims(of, user, now))?;
        let refresh_token = self
            .signer
            .sign(REFRESH_TYPE, &self.refresh_claims(of, user, now))?;
        let id_claims = self.id_claims(of, user, (nonce, &access_token), now);
        Ok(TokenAnswer {
            id_token: self.signer.sign("JWT", &id_claims)?,
            access_token,
            refresh_token,
            token_type: "Bearer",
            expires_in: ACCESS_LIFETIME.num_seconds(),
            refresh_expires_in: (of.session.expires_at - now).num_seconds(),
            scope: of.session.scope.clone(),
        })
    }

    fn access_claims(&self, of: SessionRef<'_>, user: &User, now: DateTime<Utc>) -> Claims {
        let mut claims = self.common_claims(of, user, now);
        set(&mut claims, "typ", "Bearer");
        set(&mut claims, "aud", ACCESS_AUDIENCE);
        set(&mut claims, "azp", self.client_id.as_str());
        set(&mut claims, "jti", random_text());
        set(&mut claims, "exp", (now + ACCESS_LIFETIME).timestamp());
        set(&mut claims, "scope", of.session.scope.as_str());
        set(
            &mut claims,
            "realm_access",
            json!({ "roles": user.settings.roles }),
        );
        claims.extend(profile_claims(user));
        claims
    }

    fn id_claims(
        &self,
        of: SessionRef<'_>,
        user: &User,
        (nonce, access_token): (Option<&str>, &str),
        now: DateTime<Utc>,
    ) -> Claims {
        // Left half of the hash (OpenID Connect Core 1.0, section 3.1.3.6).
        let access_hash = URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16]);
        let mut claims = self.common_claims(of, user, now);
        set(&mut claims, "typ", "ID");
        set(&mut claims, "aud", self.client_id.as_str());
        set(&mut claims, "azp", self.client_id.as_str());
        set(&mut claims, "exp", (now + ACCESS_LIFETIME).timestamp());
        set(&mut claims, "auth_time", of.session.logged_in_at.timestamp());
        set(&mut claims, "at_hash", access_hash);
        if let Some(nonce) = nonce {
            set(&mut claims, "nonce", nonce);
        }
        if !user.settings.roles.is_empty() {
            // Whoever logs in with it must be known for a service.
            set(
                &mut claims,
                "realm_access",
                json!({ "roles": user.settings.roles }),
            );
        }
        claims.extend(profile_claims(user));
        claims
    }

    fn refresh_claims(&self, of: SessionRef<'_>, user: &User, now: DateTime<Utc>) -> Claims {
        let mut claims = self.common_claims(of, user, now);
        set(&mut claims, "typ", "Refresh");
        set(&mut claims, "aud", self.issuer());
        set(&mut claims, "azp", self.client_id.as_str());
        set(&mut claims, "jti", of.session.refresh_id.as_str());
        set(&mut claims, "exp", of.session.expires_at.timestamp());
        claims
    }

    fn common_claims(&self, of: SessionRef<'_>, user: &User, now: DateTime<Utc>) -> Claims {
        let mut claims = Claims::new();
        set(&mut claims, "iss", self.issuer());
        set(&mut claims, "sub", user.subject.to_string());
        set(&mut claims, "iat", now.timestamp());
        set(&mut claims, super::SESSION_CLAIM, of.id);
        claims
    }

    /// Verifies an access token that was presented to this issuer, and finds its user.
    pub(super) fn bearer(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<(VerifiedToken, &User), TokenError> {
        let token = self.check_signature(token)?;
        let names = ClaimNames::default();
        let expected = Expected {
            issuer: self.issuer(),
            clients: &self.clients,
            lifetime_max: ACCESS_LIFETIME,
            names: &names,
        };
        let AccessToken {
            verified,
            not_of_person,
        } = rules::access_token(&token.header, &token.claims, expected, now)?;
        // A service is somebody here, too.
        if let Some(refusal) = not_of_person.filter(|refusal| *refusal != TokenRefusal::Service) {
            return Err(TokenError::Refused(refusal));
        }
        if claim(&token.claims, super::SESSION_CLAIM).is_none_or(|session| self.is_voided(session)) {
            return Err(TokenError::Invalid("the session has ended"));
        }
        let user = self.users.by_subject(&verified.subject);
        let user = user.ok_or(TokenError::Invalid("the user is no longer there"))?;
        Ok((verified, user))
    }

    /// What is known about a person; the clients of its tokens do not matter.
    pub(in crate::identity) fn claims_of(&self, subject: &str) -> Option<Claims> {
        self.users.by_subject(subject).map(profile_claims)
    }

    /// What a refresh token says, if it is one of ours. Whether it still counts is for the session to say.
    pub(super) fn read_refresh_token(&self, token: &str) -> Option<RefreshClaims> {
        let token = self.check_signature(token).ok()?;
        let ours = token.header.typ.as_deref() == Some(REFRESH_TYPE)
            && claim(&token.claims, "aud") == Some(self.issuer())
            && claim(&token.claims, "iss") == Some(self.issuer());
        ours.then_some(())?;
        Some(RefreshClaims {
            session: claim(&token.claims, super::SESSION_CLAIM)?.to_owned(),
            refresh_id: claim(&token.claims, "jti")?.to_owned(),
        })
    }

    /// The session of an ID token that was given as a hint; it may have expired.
    pub(super) fn session_of_id_token(&self, token: &str) -> Option<String> {
        let token = self.check_signature(token).ok()?;
        let ours =
            claim(&token.claims, "typ") == Some("ID") && claim(&token.claims, "iss") == Some(self.issuer());
        ours.then_some(())?;
        claim(&token.claims, super::SESSION_CLAIM).map(str::to_owned)
    }

    fn check_signature<'a>(&self, token: &'a str) -> Result<Unverified<'a>, TokenError> {
        let unverified = Unverified::parse(token)?;
        let wanted = Wanted {
            id: unverified.header.kid.as_deref(),
            algorithm: Algorithm::ES256,
        };
        if unverified.header.algorithm()? != wanted.algorithm {
            return Err(TokenError::Invalid("the signature algorithm is not allowed"));
        }
        self.keys.verify(&unverified, wanted)?;
        Ok(unverified)
    }
}

/// What the issuer knows about a person, as claims; what is not configured is left out.
pub(super) fn profile_claims(user: &User) -> Claims {
    let settings = &user.settings;
    let mut claims = Claims::new();
    set(&mut claims, "name", user.display_name());
    set(&mut claims, "preferred_username", settings.username.as_str());
    set(&mut claims, "x_grp", settings.groups.clone());
    let texts = [
        ("email", &settings.email),
        ("given_name", &settings.given_name),
        ("family_name", &settings.family_name),
    ];
    for (name, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
        set(&mut claims, name, value.as_str());
    }
    if !settings.email.is_empty() {
        set(&mut claims, "email_verified", true);
    }
    claims
}

/// A text that nobody can guess: 256 random bits.
pub(super) fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

fn set(claims: &mut Claims, name: &str, value: impl Into<Value>) {
    claims.insert(name.to_owned(), value.into());
}
