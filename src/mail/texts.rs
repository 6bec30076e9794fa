//! The words of mails, per language.

use std::fmt;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

/// Language tags and what is said in them; the first is for whoever reads none of the others.
const LANGUAGES: [(&str, &str); 2] = [
    ("en", include_str!("texts/en.ftl")),
    ("de", include_str!("texts/de.ftl")),
];

/// All languages.
#[derive(Debug)]
pub(super) struct Texts(Vec<Language>);

/// One language.
pub(super) struct Language {
    pub(super) tag: &'static str,
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    pub(super) fn new() -> Self {
        Self(
            LANGUAGES
                .into_iter()
                .map(|(tag, source)| Language::new(tag, source))
                .collect(),
        )
    }

    /// The language of a BCP 47 tag, whatever its region; the first one when it is not spoken here.
    pub(super) fn of(&self, tag: &str) -> &Language {
        let primary = tag.split('-').next().unwrap_or_default();
        let spoken = self
            .0
            .iter()
            .find(|language| language.tag.eq_ignore_ascii_case(primary));
        // There is a first one: the list is a constant.
        spoken.unwrap_or(&self.0[0])
    }
}

impl Language {
    fn new(tag: &'static str, source: &str) -> Self {
        let locale: LanguageIdentifier = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![locale]);
        // Marks around what is filled in would show in plain text.
        bundle.set_use_isolating(false);
        // What could be parsed counts; that nothing is missing is tested.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(parsed, _errors)| parsed);
        bundle.add_resource_overriding(resource);
        Self { tag, bundle }
    }

    /// The text `id` as it is.
    pub(super) fn text(&self, id: &str) -> String {
        self.filled(id, &[])
    }

    /// The text `id` with texts filled in.
    pub(super) fn filled(&self, id: &str, values: &[(&str, &str)]) -> String {
        let mut arguments = FluentArgs::new();
        for (name, value) in values {
            arguments.set(*name, FluentValue::from(*value));
        }
        self.format(id, &arguments)
    }

    /// The text `id` for a number.
    pub(super) fn counted(&self, id: &str, name: &str, number: u32) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set(name, FluentValue::from(number));
        self.format(id, &arguments)
    }

    fn format(&self, id: &str, arguments: &FluentArgs) -> String {
        let pattern = self.bundle.get_message(id).and_then(|message| message.value());
        pattern.map_or_else(
            || id.to_owned(),
            |pattern| {
                let mut errors = Vec::new();
                self.bundle
                    .format_pattern(pattern, Some(arguments), &mut errors)
                    .into_owned()
            },
        )
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Language").field(&self.tag).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Ids of the texts in a source, and the names of what is filled into each.
    fn ids(source: &str) -> BTreeSet<(String, BTreeSet<String>)> {
        let mut found: Vec<(String, BTreeSet<String>)> = Vec::new();
        for line in source.lines() {
            if line.starts_with(|first: char| first.is_ascii_lowercase()) {
                let (id, _) = line.split_once(" = ").unwrap();
                found.push((id.to_owned(), BTreeSet::new()));
            }
            for name in line.split("{ $").skip(1) {
                let name = name.split(' ').next().unwrap().to_owned();
                found.last_mut().unwrap().1.insert(name);
            }
        }
        found.into_iter().collect()
    }

    #[test]
    fn all_languages_say_the_same_things() {
        let first = ids(LANGUAGES[0].1);
        assert!(first.len() > 40, "{first:?}");
        for (tag, source) in LANGUAGES {
            assert!(
                FluentResource::try_new(source.to_owned()).is_ok(),
                "{tag} can't be read"
            );
            assert_eq!(ids(source), first, "{tag}");
        }
    }

    #[test]
    fn languages_are_found_by_their_tags() {
        let texts = Texts::new();
        for (tag, spoken) in [
            ("de", "de"),
            ("de-CH", "de"),
            ("DE", "de"),
            ("en-GB", "en"),
            ("fr", "en"),
            ("", "en"),
        ] {
            assert_eq!(texts.of(tag).tag, spoken, "{tag}");
        }
    }

    #[test]
    fn numbers_choose_the_form() {
        let texts = Texts::new();
        assert_eq!(
            texts.of("en").counted("repeats-weekly", "interval", 1),
            "every week"
        );
        assert_eq!(
            texts.of("de").counted("repeats-weekly", "interval", 2),
            "alle 2 Wochen"
        );
    }

    #[test]
    fn what_is_filled_in_is_no_template() {
        let texts = Texts::new();
        let title = "{ $name } { hello } <b>";
        assert_eq!(
            texts.of("en").filled("subject-invite", &[("title", title)]),
            format!("Invitation: {title}")
        );
    }
}
