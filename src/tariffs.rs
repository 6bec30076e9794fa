//! What a tariff allows: modules and features by operator and tariff, as clients read them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    catalogue::{CATALOGUE, CORE, GUESTS_ALLOWED, MEETING_NOTES, SERVED, WHITEBOARD},
    config::Config,
    quotas::{Quota, Quotas},
    store::{guest_access::GuestAccess, tariffs::Tariff},
};

/// What this server has to offer, before any tariff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    modules: BTreeSet<&'static str>,
    disabled_features: BTreeSet<String>,
    quotas: Quotas,
}

impl Offer {
    /// What is set up by the configuration.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        let mut disabled_features = full_names(&config.defaults.disabled_features);
        if !config.guests.allowed {
            disabled_features.insert(format!("{CORE}::{GUESTS_ALLOWED}"));
        }
        let mut modules = BTreeSet::from(SERVED);
        if config.whiteboard.base_url.is_some() {
            modules.insert(WHITEBOARD);
        }
        if config.etherpad.base_url.is_some() {
            modules.insert(MEETING_NOTES);
        }
        Self {
            modules,
            disabled_features,
            quotas: config.quotas,
        }
    }

    /// Whether a tariff leaves this module of it.
    #[must_use]
    pub fn has_module(&self, module: &str, tariff: &Tariff) -> bool {
        let is_off = tariff.disabled_modules.iter().any(|disabled| disabled == module);
        self.modules.contains(module) && !is_off
    }

    /// Whether nobody comes by a link into a room with this access, whose owner has this tariff.
    #[must_use]
    pub fn are_guests_out(&self, access: GuestAccess, tariff: &Tariff) -> bool {
        access == GuestAccess::Disabled || !TariffResource::new(tariff, self).allows(CORE, GUESTS_ALLOWED)
    }
}

/// What a tariff allows here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TariffResource {
    pub id: Uuid,
    pub name: String,
    /// Limits by name; an absent one is no limit.
    pub quotas: BTreeMap<String, u64>,
    /// Usable modules with their usable features.
    pub modules: BTreeMap<&'static str, ModuleResource>,
    /// Names of the usable modules, for older clients.
    pub enabled_modules: Vec<&'static str>,
    /// Features that are off, as `<module>::<feature>`, for older clients.
    pub disabled_features: BTreeSet<String>,
}

/// A usable module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModuleResource {
    pub features: Vec<&'static str>,
}

impl TariffResource {
    /// What `tariff` leaves of `offer`.
    #[must_use]
    pub fn new(tariff: &Tariff, offer: &Offer) -> Self {
        let mut disabled_features = full_names(&tariff.disabled_features);
        disabled_features.extend(offer.disabled_features.iter().cloned());
        let modules: BTreeMap<_, _> = CATALOGUE
            .into_iter()
            .filter(|(module, _)| offer.has_module(module, tariff))
            .map(|(module, features)| {
                let is_on = |feature: &&str| !disabled_features.contains(&format!("{module}::{feature}"));
                let features = features.iter().copied().filter(is_on).collect();
                (module, ModuleResource { features })
            })
            .collect();
        Self {
            id: tariff.id,
            name: tariff.name.clone(),
            quotas: tariff.limits(&offer.quotas),
            enabled_modules: modules.keys().copied().collect(),
            modules,
            disabled_features,
        }
    }

    /// The same without one feature, e.g. [`CALL_IN`](crate::catalogue::CALL_IN) where media are encrypted end to end.
    #[must_use]
    pub fn without(mut self, module: &str, feature: &str) -> Self {
        if let Some(module) = self.modules.get_mut(module) {
            module.features.retain(|&one| one != feature);
        }
        self.disabled_features.insert(format!("{module}::{feature}"));
        self
    }

    /// The same without the quotas of what the owner does outside of meetings, which are nobody else's business.
    #[must_use]
    pub fn in_meetings(mut self) -> Self {
        let is_of_meetings = |name: &str| Quota::parse(name).is_none_or(Quota::is_of_meetings);
        self.quotas.retain(|name, _| is_of_meetings(name));
        self
    }

    /// Whether a feature is on.
    #[must_use]
    pub fn allows(&self, module: &str, feature: &str) -> bool {
        self.modules
            .get(module)
            .is_some_and(|module| module.features.contains(&feature))
    }
}

/// `[<module>::]<feature>` with the module always named.
fn full_names(features: &[String]) -> BTreeSet<String> {
    features
        .iter()
        .map(|name| {
            if name.contains("::") {
                name.clone()
            } else {
                format!("{CORE}::{name}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{CALL_IN, TRAINING_REPORT};

    fn tariff(disabled_modules: &[&str], disabled_features: &[&str]) -> Tariff {
        let owned = |names: &[&str]| names.iter().copied().map(str::to_owned).collect();
        Tariff {
            id: Uuid::nil(),
            name: "Default".to_owned(),
            quotas: BTreeMap::from([("max_storage".to_owned(), 1)]),
            disabled_modules: owned(disabled_modules),
            disabled_features: owned(disabled_features),
        }
    }

    fn offer(disabled_features: &[&str]) -> Offer {
        let mut config = Config::default();
        config.defaults.disabled_features = disabled_features.iter().copied().map(str::to_owned).collect();
        Offer::from_config(&config)
    }

    #[test]
    fn without_restrictions_every_feature_is_on() {
        let resource = TariffResource::new(&tariff(&[], &[]), &offer(&[]));
        assert!(resource.allows(CORE, "guests_allowed") && resource.allows(CORE, CALL_IN));
        assert_eq!(resource.enabled_modules, SERVED);
        assert!(resource.disabled_features.is_empty());
    }

    #[test]
    fn operator_and_tariff_switch_off() {
        let resource = TariffResource::new(
            &tariff(&["chat"], &["call_in"]),
            &offer(&["integration::outlook"]),
        );
        assert!(!resource.modules.contains_key("chat") && !resource.enabled_modules.contains(&"chat"));
        assert!(!resource.allows(CORE, CALL_IN) && resource.allows(CORE, "guests_allowed"));
        assert_eq!(
            resource.modules.get("integration"),
            Some(&ModuleResource::default())
        );
        let off = ["core::call_in", "integration::outlook"].map(str::to_owned);
        assert_eq!(resource.disabled_features, BTreeSet::from(off));
    }

    #[test]
    fn no_tariff_has_the_training_report() {
        let (offer, default) = (offer(&[]), tariff(&[], &[]));
        assert!(!offer.has_module(TRAINING_REPORT, &default) && offer.has_module("chat", &default));
        assert!(!offer.has_module("chat", &tariff(&["chat"], &[])));
    }

    #[test]
    fn guests_are_out_by_room_tariff_or_server() {
        let (open, shut) = (offer(&[]), GuestAccess::Disabled);
        let free = tariff(&[], &[]);
        for access in [GuestAccess::DirectAccess, GuestAccess::WaitingRoom] {
            assert!(!open.are_guests_out(access, &free));
            assert!(open.are_guests_out(access, &tariff(&[], &["guests_allowed"])));
            assert!(open.are_guests_out(access, &tariff(&[], &["core::guests_allowed"])));
            assert!(offer(&["guests_allowed"]).are_guests_out(access, &free));
            let mut config = Config::default();
            config.guests.allowed = false;
            let none = Offer::from_config(&config);
            assert!(none.are_guests_out(access, &free));
            assert!(!TariffResource::new(&free, &none).allows(CORE, GUESTS_ALLOWED));
        }
        assert!(open.are_guests_out(shut, &free));
    }

    #[test]
    fn a_feature_can_be_taken_out_of_one_room() {
        let resource = TariffResource::new(&tariff(&[], &[]), &offer(&[])).without(CORE, CALL_IN);
        assert!(!resource.allows(CORE, CALL_IN));
        assert!(resource.disabled_features.contains("core::call_in"));
    }
}
