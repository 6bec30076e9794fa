//! Settings of the other controller of this API, and what they are called here.

/// What became of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counterpart {
    /// Another name, the same value.
    Same(&'static str),
    /// Another name, and true for false.
    Inverted(&'static str),
    /// Another name; its value is made of several, or in another form.
    Part(&'static str),
    /// None. Why, or what else serves.
    Word(&'static str),
}

use Counterpart::{Inverted, Part, Same, Word};

/// Their names with ours. A name stands for all below it that have no entry of their own.
const NAMES: &[(&str, Counterpart)] = &[
    (
        "authz",
        Word("rights are read from the database with each request"),
    ),
    ("avatar.libravatar_url", Same("defaults.avatar_base_url")),
    ("call_in.default_country_code", Same("call_in.default_country")),
    (
        "call_in.enable_phone_mapping",
        Same("call_in.show_names_of_users"),
    ),
    ("database.max_connections", Same("database.connections_max")),
    (
        "database.min_connections",
        Word("connections are made when they are needed"),
    ),
    (
        "defaults.screen_share_requires_permission",
        Same("livekit.screen_share_requires_permission"),
    ),
    ("endpoints.disable_openapi", Inverted("http.docs")),
    ("endpoints.disable_users_find", Part("defaults.user_search")),
    (
        "endpoints.disallow_custom_display_name",
        Inverted("defaults.custom_display_names"),
    ),
    (
        "endpoints.event_invite_external_email_address",
        Same("mail.external_invitations"),
    ),
    ("endpoints.users_find_use_kc", Part("oidc.user_search")),
    ("etcd", Word("servers need no place to find each other")),
    ("etherpad.url", Same("etherpad.base_url")),
    ("frontend.base_url", Same("mail.web_client_url")),
    ("http.addr", Part("http.listen")),
    ("http.port", Part("http.listen")),
    ("http.tls", Word("TLS is for the reverse proxy")),
    ("keycloak.base_url", Part("oidc.authority")),
    ("keycloak.client_id", Part("oidc.user_search.client_id")),
    ("keycloak.client_secret", Part("oidc.user_search.client_secret")),
    (
        "keycloak.external_id_user_attribute_name",
        Word("people are known by the subject of their tokens"),
    ),
    ("keycloak.realm", Part("oidc.authority")),
    ("logging", Word("logs are set by log.level and log.format")),
    ("metrics", Word("there are no metrics in this version")),
    ("minio.access_key", Same("assets.s3.access_key_id")),
    ("minio.bucket", Same("assets.s3.bucket")),
    ("minio.secret_key", Same("assets.s3.secret_access_key")),
    ("minio.uri", Same("assets.s3.endpoint")),
    (
        "monitoring",
        Word("GET /health/live and GET /health/ready answer at http.listen"),
    ),
    ("oidc.controller.authority", Part("oidc.service_authority")),
    ("oidc.controller.client_id", Part("oidc.user_search.client_id")),
    (
        "oidc.controller.client_secret",
        Part("oidc.user_search.client_secret"),
    ),
    ("oidc.frontend.authority", Part("oidc.authority")),
    ("oidc.frontend.client_id", Same("oidc.client_id")),
    (
        "rabbit_mq",
        Word("a message broker is used for recorders only: recording.amqp_url"),
    ),
    (
        "rabbit_mq.mail_task_queue",
        Word(
            "this server sends mail itself: set mail.host, mail.from_address and what else stands in [mail]",
        ),
    ),
    ("rabbit_mq.recording_task_queue", Same("recording.amqp_queue")),
    ("rabbit_mq.url", Part("recording.amqp_url")),
    (
        "redis",
        Word("only several servers with the same rooms need it: see [cluster]"),
    ),
    ("redis.url", Part("cluster.redis_url")),
    ("shared_folder.expiry", Same("shared_folder.expiry_days")),
    ("spacedeck.api_key", Same("whiteboard.api_key")),
    ("spacedeck.url", Same("whiteboard.base_url")),
    ("stun.uris", Same("turn.stun_uris")),
    ("subroom_audio.enable_whisper", Same("livekit.whisper_groups")),
    ("tariffs.assignment", Part("oidc.claims.tariff_id")),
    (
        "tariffs.static_tariff_name",
        Word("whoever has no other tariff has the default one: `colloquy tariffs`"),
    ),
    (
        "tariffs.status_mapping.default",
        Word("every state that is neither paid nor downgraded is the default one"),
    ),
    (
        "tariffs.status_mapping.downgraded",
        Same("oidc.claims.downgraded_states"),
    ),
    (
        "tariffs.status_mapping.downgraded_tariff_name",
        Same("oidc.claims.downgraded_tariff"),
    ),
    ("tariffs.status_mapping.paid", Same("oidc.claims.paid_states")),
    ("tenants.assignment", Part("oidc.claims.tenant_id")),
    (
        "tenants.external_tenant_id_user_attribute_name",
        Part("oidc.claims.tenant_id"),
    ),
    (
        "tenants.static_tenant_id",
        Word("whoever has no other tenant is in the default one: `colloquy tenants`"),
    ),
    ("turn.lifetime", Same("turn.lifetime_secs")),
    ("turn.servers.pre_shared_key", Part("turn.servers.secret")),
    ("user_search.api_base_url", Same("oidc.user_search.api_url")),
    (
        "user_search.backend",
        Word("Keycloak's admin API is the only one: oidc.user_search"),
    ),
    ("user_search.client_id", Part("oidc.user_search.client_id")),
    (
        "user_search.client_secret",
        Part("oidc.user_search.client_secret"),
    ),
    (
        "user_search.external_id_user_attribute_name",
        Word("people are known by the subject of their tokens"),
    ),
    (
        "user_search.users_find_behavior",
        Word(
            "defaults.user_search says how people are looked up, and oidc.user_search.api_url whether the provider is asked",
        ),
    ),
];

impl Counterpart {
    /// In words for whoever used their name.
    pub(super) fn told(self) -> String {
        match self {
            Same(ours) | Part(ours) => format!("here it is {ours}"),
            Inverted(ours) => format!("here it is {ours}, which says the opposite"),
            Word(why) => why.to_owned(),
        }
    }
}

/// What became of the setting with this name, elements of lists without their index.
pub(super) fn counterpart(name: &str) -> Option<Counterpart> {
    let covers = |theirs: &str| {
        let rest = name.strip_prefix(theirs);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let found = NAMES.iter().filter(|(theirs, _)| covers(theirs));
    found
        .max_by_key(|(theirs, _)| theirs.len())
        .map(|(_, ours)| *ours)
}

/// Whether the name is one of their sections: something below it has a counterpart, or a word why not.
pub(super) fn is_section(name: &str) -> bool {
    let is_below = |theirs: &str| {
        theirs
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    NAMES.iter().any(|(theirs, _)| is_below(theirs))
}

/// Their names whose values are taken over, with ours and whether true becomes false.
pub(super) fn renamed() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    NAMES.iter().filter_map(|(theirs, ours)| match ours {
        Same(ours) => Some((*theirs, *ours, false)),
        Inverted(ours) => Some((*theirs, *ours, true)),
        Part(_) | Word(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::Schema;

    #[test]
    fn names_are_sorted_and_ours_exist() {
        let schema = Schema::new();
        // Elements of a list that is empty by default.
        let elsewhere = ["turn.servers.secret"];
        for (theirs, ours) in NAMES {
            let (Same(ours) | Inverted(ours) | Part(ours)) = ours else {
                continue;
            };
            let path: Vec<_> = ours.split('.').collect();
            assert!(
                schema.at(&path).is_some() || elsewhere.contains(ours),
                "{theirs}: there is no {ours}"
            );
            let path: Vec<_> = theirs.split('.').collect();
            assert!(schema.at(&path).is_none(), "{theirs} is a name of ours");
        }
        assert!(NAMES.is_sorted_by_key(|(theirs, _)| *theirs));
    }

    #[test]
    fn the_longest_name_that_covers_a_setting_counts() {
        assert_eq!(
            counterpart("frontend.base_url"),
            Some(Same("mail.web_client_url"))
        );
        assert_eq!(counterpart("rabbit_mq.url"), Some(Part("recording.amqp_url")));
        let broker = counterpart("rabbit_mq.min_connections").map(Counterpart::told);
        assert!(broker.is_some_and(|told| told.contains("recorders only")));
        let mails = counterpart("rabbit_mq.mail_task_queue").map(Counterpart::told);
        assert!(mails.is_some_and(|told| told.contains("mail.host")));
        assert_eq!(counterpart("frontend"), None);
        assert_eq!(counterpart("loggings"), None);
        assert!(is_section("keycloak") && is_section("tariffs.status_mapping") && is_section("redis"));
        assert!(!is_section("key") && !is_section("rooms"));
    }
}
