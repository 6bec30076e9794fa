//! Names that operators type: of modules, features and quotas. A wrong one is told with the nearest that exists.

use std::fmt;

use super::{CATALOGUE, CORE};
use crate::quotas::Quota;

/// A name that nothing has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    kind: &'static str,
    given: String,
    nearest: String,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, given, nearest } = self;
        write!(f, "there is no {kind} `{given}`; did you mean `{nearest}`?")
    }
}

impl std::error::Error for UnknownName {}

/// The module of this name.
pub fn module(given: &str) -> Result<&'static str, UnknownName> {
    known("module", given, CATALOGUE.into_iter().map(|(module, _)| module))
}

/// The feature `[<module>::]<feature>`, with its module; without one `core` is meant.
pub fn feature(given: &str) -> Result<String, UnknownName> {
    let full = if given.contains("::") {
        given.to_owned()
    } else {
        format!("{CORE}::{given}")
    };
    let every = CATALOGUE
        .into_iter()
        .flat_map(|(module, features)| features.iter().map(move |feature| format!("{module}::{feature}")));
    known("feature", &full, every).map_err(|unknown| UnknownName {
        given: given.to_owned(),
        ..unknown
    })
}

/// The quota of this name.
pub fn quota(given: &str) -> Result<Quota, UnknownName> {
    known("quota", given, Quota::ALL.into_iter())
}

fn known<S: AsRef<str>>(
    kind: &'static str,
    given: &str,
    names: impl Iterator<Item = S> + Clone,
) -> Result<S, UnknownName> {
    if let Some(name) = names.clone().find(|name| name.as_ref() == given) {
        return Ok(name);
    }
    let nearest = names.min_by_key(|name| strsim::damerau_levenshtein(name.as_ref(), given));
    Err(UnknownName {
        kind,
        given: given.to_owned(),
        nearest: nearest.map(|name| name.as_ref().to_owned()).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<T: fmt::Debug>(result: Result<T, UnknownName>) -> String {
        result.expect_err("unknown").to_string()
    }

    #[test]
    fn known_names_are_found() {
        assert_eq!(module("chat"), Ok("chat"));
        assert_eq!(quota("max_storage"), Ok(Quota::MaxStorage));
        assert_eq!(quota("rooms_max"), Ok(Quota::RoomsMax));
        for given in ["call_in", "core::call_in"] {
            assert_eq!(feature(given), Ok("core::call_in".to_owned()));
        }
        assert_eq!(
            feature("integration::outlook"),
            Ok("integration::outlook".to_owned())
        );
    }

    #[test]
    fn others_are_told_with_the_nearest() {
        assert_eq!(
            told(module("chta")),
            "there is no module `chta`; did you mean `chat`?"
        );
        assert_eq!(
            told(feature("callin")),
            "there is no feature `callin`; did you mean `core::call_in`?"
        );
        assert_eq!(
            told(feature("chat::record")),
            "there is no feature `chat::record`; did you mean `recording::record`?"
        );
        assert_eq!(
            told(quota("max_storge")),
            "there is no quota `max_storge`; did you mean `max_storage`?"
        );
    }
}
