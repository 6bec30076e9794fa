//! How the claims of a token change a user: a pure function of both.

use chrono::{DateTime, Utc};
use colloquy_actors::protocol::plain::plain;
use url::Url;
use uuid::Uuid;

use super::{
    ClaimRules, EMAIL_CHARS_MAX, NAME_CHARS_MAX, Profile, TariffStatus, User,
    names::{NOBODY, fallback_name, full_name, is_language_tag, local_part},
};
use crate::{
    email_address::compared,
    store::{tariffs::DEFAULT_TARIFF, tenants::DEFAULT_TENANT, text::cleaned},
    text::composed,
    verified_token::{PICTURE_CHARS_MAX, ProfileClaims, VerifiedToken},
};

const PHONE_CHARS_MAX: usize = 64;

/// As whose own device looks: what a user has who has chosen none.
const FIRST_THEME: &str = "system";

/// What a token, together with its userinfo, says about something that may also be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Said<T> {
    /// Nothing: what is stored stays.
    #[default]
    Nothing,
    /// It is absent at the issuer, or the operator does not look at it: the default.
    Absent,
    Is(T),
}

/// The tariff of whoever is downgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Downgrade {
    /// The user's own.
    #[default]
    ToNothingElse,
    /// To one that does not exist: users keep theirs.
    ToUnknown,
    To(Uuid),
}

/// Rows that the claims name, as the database knows them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rows {
    pub tenant: Option<Uuid>,
    pub tariff: Option<Uuid>,
    pub downgraded: Option<Uuid>,
}

/// What the claims assign to a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Assigned {
    pub tenant: Said<Uuid>,
    pub tariff: Said<Uuid>,
    pub status: Said<TariffStatus>,
    pub groups: Said<Vec<String>>,
    pub downgrade: Downgrade,
}

impl<T> Said<T> {
    fn of(is_switched_on: bool, claim: Option<T>, is_complete: bool) -> Self {
        match claim.filter(|_| is_switched_on) {
            Some(said) => Self::Is(said),
            None if is_complete || !is_switched_on => Self::Absent,
            None => Self::Nothing,
        }
    }
}

impl Assigned {
    /// `rows` are those of this token's claims.
    pub fn of(token: &VerifiedToken, rows: Rows, rules: &ClaimRules) -> Self {
        let (claims, names) = (&token.profile, rules.names());
        let is_complete = claims.userinfo_at.is_some();
        let tariff = match (&claims.tariff_id, rows.tariff) {
            (Some(name), None) if !names.tariff_id.is_empty() => {
                rules.unknown_tariff(name);
                Said::Nothing
            }
            (_, tariff) => Said::of(!names.tariff_id.is_empty(), tariff, is_complete),
        };
        let downgrade = match rows.downgraded {
            _ if names.downgraded_tariff.is_empty() => Downgrade::ToNothingElse,
            Some(tariff) => Downgrade::To(tariff),
            None => Downgrade::ToUnknown,
        };
        let status = claims.tariff_status.as_deref();
        Self {
            // Where a tenant is required, one that lacks is no reason to move somebody: access is refused meanwhile.
            tenant: Said::of(
                !names.tenant_id.is_empty(),
                rows.tenant,
                is_complete && !rules.tenant_required(),
            ),
            tariff,
            status: Said::of(
                !names.tariff_status.is_empty(),
                status.map(|word| rules.status(word)),
                is_complete,
            ),
            groups: Said::of(!names.groups.is_empty(), claims.groups.clone(), is_complete),
            downgrade,
        }
    }

    fn apply(&self, user: &mut User, rules: &ClaimRules) {
        match self.tenant {
            Said::Is(tenant) => user.tenant_id = tenant,
            Said::Absent => user.tenant_id = DEFAULT_TENANT,
            Said::Nothing => {}
        }
        let was_downgraded = user.tariff_status == TariffStatus::Downgraded;
        match self.status {
            Said::Is(status) => user.tariff_status = status,
            Said::Absent => user.tariff_status = TariffStatus::Default,
            Said::Nothing => {}
        }
        let own = match self.tariff {
            Said::Is(tariff) => tariff,
            Said::Absent => DEFAULT_TARIFF,
            // Back from a downgrade of which nobody says what was before it.
            Said::Nothing if was_downgraded && self.downgrade == Downgrade::To(user.tariff_id) => {
                DEFAULT_TARIFF
            }
            Said::Nothing => user.tariff_id,
        };
        user.tariff_id = match (user.tariff_status, self.downgrade) {
            (TariffStatus::Downgraded, Downgrade::To(tariff)) => tariff,
            (TariffStatus::Downgraded, Downgrade::ToUnknown) => {
                rules.unknown_tariff(&rules.names().downgraded_tariff);
                user.tariff_id
            }
            _ => own,
        };
    }
}

/// A user as the first token shows it, whichever client it is of.
pub(super) fn new_user(
    (id, now): (Uuid, DateTime<Utc>),
    token: &VerifiedToken,
    assigned: &Assigned,
    (language, rules): (&str, &ClaimRules),
) -> User {
    let mut user = User {
        profile: Profile {
            id,
            email: String::new(),
            title: String::new(),
            firstname: String::new(),
            lastname: String::new(),
            display_name: String::new(),
            picture: None,
            email_verified: None,
        },
        issuer: token.issuer.clone(),
        subject: token.subject.clone(),
        tenant_id: DEFAULT_TENANT,
        tariff_id: DEFAULT_TARIFF,
        tariff_status: TariffStatus::Default,
        display_name_chosen: false,
        language: language.to_owned(),
        language_chosen: false,
        dashboard_theme: FIRST_THEME.to_owned(),
        conference_theme: FIRST_THEME.to_owned(),
        phone: None,
        invite_email: None,
        claims_at: 0,
        seen_at: now,
        used_storage: 0,
        disabled_at: None,
    };
    change(&mut user, &token.profile, assigned, rules);
    if rules.may_change(token) {
        user.claims_at = token.as_of();
    }
    user
}

/// Whether a token may change the user: it is of the right client, and not older than what changed the user last.
pub(super) fn counts(user: &User, token: &VerifiedToken, rules: &ClaimRules) -> bool {
    rules.may_change(token) && token.as_of() >= user.claims_at
}

/// Takes over what a token says as far as it counts; whether its groups count too.
pub(super) fn apply(user: &mut User, token: &VerifiedToken, assigned: &Assigned, rules: &ClaimRules) -> bool {
    if counts(user, token, rules) {
        change(user, &token.profile, assigned, rules);
        true
    } else {
        if !rules.may_change(token) {
            fill(user, &token.profile, rules);
        }
        false
    }
}

/// Takes over what the claims say; absent ones leave alone what is stored, and so does what the user has chosen.
fn change(user: &mut User, claims: &ProfileClaims, assigned: &Assigned, rules: &ClaimRules) {
    let had_made_up_name = has_made_up_name(user, claims);
    if let Some(email) = email(claims) {
        if compared(&email) != compared(&user.profile.email) {
            user.profile.email_verified = None;
        }
        user.profile.email = email;
        user.profile.email_verified = claims.email_verified.or(user.profile.email_verified);
    } else if claims.email_verified == Some(false) {
        user.profile.email_verified = Some(false);
    }
    set(
        &mut user.profile.firstname,
        plain_text(claims.given_name.as_deref()),
    );
    set(
        &mut user.profile.lastname,
        plain_text(claims.family_name.as_deref()),
    );
    name(user, claims, had_made_up_name);
    if !user.language_chosen {
        set(&mut user.language, language(claims));
    }
    if let Some(phone) = &claims.phone_number {
        user.phone = cleaned(Some(phone), PHONE_CHARS_MAX);
    }
    picture(user, claims, rules);
    address_of(user, rules);
    assigned.apply(user, rules);
}

/// Fills what is empty; nothing is changed.
fn fill(user: &mut User, claims: &ProfileClaims, rules: &ClaimRules) {
    let claimed = email(claims);
    if user.profile.email.is_empty() {
        user.profile.email = claimed.clone().unwrap_or_default();
    }
    if user.profile.email_verified.is_none()
        && claimed.is_some_and(|email| compared(&email) == compared(&user.profile.email))
    {
        user.profile.email_verified = claims.email_verified;
    }
    for (stored, claimed) in [
        (&mut user.profile.firstname, &claims.given_name),
        (&mut user.profile.lastname, &claims.family_name),
    ] {
        if stored.is_empty() {
            set(stored, plain_text(claimed.as_deref()));
        }
    }
    if user.profile.display_name == NOBODY {
        name(user, claims, true);
    }
    if user.phone.is_none() {
        user.phone = cleaned(claims.phone_number.as_deref(), PHONE_CHARS_MAX);
    }
    if user.profile.picture.is_none() && claims.picture.is_some() {
        picture(user, claims, rules);
    }
    address_of(user, rules);
}

fn email(claims: &ProfileClaims) -> Option<String> {
    let email = claims.email.as_deref()?;
    let fits = email.chars().count() <= EMAIL_CHARS_MAX;
    cleaned(Some(email).filter(|_| fits), EMAIL_CHARS_MAX)
}

/// The address by which others invite the user: whoever may claim any address must not get what others meant for its owner.
fn address_of(user: &mut User, rules: &ClaimRules) {
    let address = Some(compared(&user.profile.email)).filter(|email| !email.is_empty());
    user.invite_email = address.filter(|_| rules.trusts_address(user.profile.email_verified));
}

fn language(claims: &ProfileClaims) -> Option<String> {
    // Some issuers write `en_US`.
    let locale = claims.locale.as_deref()?.replace('_', "-");
    is_language_tag(&locale).then_some(locale)
}

/// A picture tells its host who looks at it: only what the operator wants to be looked at is kept.
fn picture(user: &mut User, claims: &ProfileClaims, rules: &ClaimRules) {
    let is_on = !rules.names().picture.is_empty();
    let is_said = claims.picture.is_some() || claims.userinfo_at.is_some();
    if is_said || !is_on {
        let claimed = claims.picture.as_deref().filter(|_| is_on);
        user.profile.picture = claimed.and_then(picture_url);
    }
}

/// An https URL without a query, as browsers would write it.
fn picture_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.scheme() == "https"
        && url.query().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let written = String::from(url);
    (is_plain && written.len() <= PICTURE_CHARS_MAX).then_some(written)
}

/// Whether the display name says nothing but what is known anyway, so that it follows what becomes known.
fn has_made_up_name(user: &User, claims: &ProfileClaims) -> bool {
    let profile = &user.profile;
    let name = &profile.display_name;
    let made_up = [
        full_name(profile),
        plain_text(claims.preferred_username.as_deref()),
        local_part(&profile.email),
    ];
    name.is_empty() || name == NOBODY || made_up.into_iter().flatten().any(|made_up| made_up == *name)
}

/// The first of the names that the issuer knows. One that it gave stays where nothing says that it is gone.
fn name(user: &mut User, claims: &ProfileClaims, had_made_up_name: bool) {
    if user.display_name_chosen {
        return;
    }
    let may_make_up = had_made_up_name || claims.userinfo_at.is_some();
    let profile = &user.profile;
    let made_up = || {
        full_name(profile)
            .or_else(|| plain_text(claims.preferred_username.as_deref()))
            .unwrap_or_else(|| fallback_name(profile))
    };
    let name = given_name(claims).or_else(|| may_make_up.then(made_up));
    set(&mut user.profile.display_name, name);
}

fn given_name(claims: &ProfileClaims) -> Option<String> {
    plain_text(claims.nickname.as_deref()).or_else(|| plain_text(claims.name.as_deref()))
}

/// What the issuer calls the user, if it says so: nickname, name, given and family name, name for logging in, and the address
/// before `@`; each without what can't be seen, and the next one if nothing is left of it.
#[must_use]
pub fn claimed_name(claims: &ProfileClaims) -> Option<String> {
    let full = [&claims.given_name, &claims.family_name]
        .map(|part| part.as_deref().unwrap_or_default())
        .join(" ");
    given_name(claims)
        .or_else(|| plain_text(Some(&full)))
        .or_else(|| plain_text(claims.preferred_username.as_deref()))
        .or_else(|| local_part(claims.email.as_deref()?))
}

/// A name as it is shown: nothing in it is invisible or turns what stands around it.
fn plain_text(claim: Option<&str>) -> Option<String> {
    cleaned(plain(claim?).map(composed).as_deref(), NAME_CHARS_MAX)
}

fn set(stored: &mut String, claimed: Option<String>) {
    if let Some(claimed) = claimed {
        *stored = claimed;
    }
}

#[cfg(test)]
mod tests;
