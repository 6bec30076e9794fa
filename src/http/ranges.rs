//! What a client wants of a content that never changes: all, a range, or nothing because it has it (RFC 9110).

use std::ops::Range;

use axum::http::{
    HeaderMap,
    header::{HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE},
};
use chrono::{DateTime, SubsecRound as _, Utc};

/// A content as its headers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// A strong entity tag, with its quotes.
    pub etag: String,
    pub modified: DateTime<Utc>,
    pub size: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// Never empty, always inside.
    Part(Range<u64>),
    /// The client has it already.
    Nothing,
    /// No byte of the content lies in the range.
    Unsatisfiable,
}

impl Version {
    /// `Last-Modified`.
    pub(super) fn http_date(&self) -> String {
        self.modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// What `headers` ask for. Several ranges, and what is no range of bytes, count as not asked.
    pub(super) fn wanted(&self, headers: &HeaderMap) -> Wanted {
        if self.is_known(headers) {
            return Wanted::Nothing;
        }
        let is_current = text(headers, &IF_RANGE).is_none_or(|of| of == self.etag || of == self.http_date());
        match text(headers, &RANGE).filter(|_| is_current) {
            Some(range) => self.part(range),
            None => Wanted::Whole,
        }
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(IF_NONE_MATCH) {
            let tags = headers
                .get_all(IF_NONE_MATCH)
                .iter()
                .filter_map(|value| value.to_str().ok());
            let mut tags = tags.flat_map(|list| list.split(',')).map(str::trim);
            return tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag);
        }
        let since =
            text(headers, &IF_MODIFIED_SINCE).and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        since.is_some_and(|since| self.modified.trunc_subsecs(0) <= since)
    }

    fn part(&self, range: &str) -> Wanted {
        let Some((first, last)) = parse(range) else {
            return Wanted::Whole;
        };
        let (start, end) = match (first, last) {
            (Some(first), Some(last)) if first > last => return Wanted::Whole,
            (Some(first), last) => (first, last.unwrap_or(u64::MAX).saturating_add(1).min(self.size)),
            (None, Some(from_end)) => (self.size.saturating_sub(from_end), self.size),
            (None, None) => return Wanted::Whole,
        };
        // The last bytes of a content that is no longer than so many are all of it (RFC 9110, section 14.1.2), which of an
        // empty one no 206 can say.
        if self.size == 0 && first.is_none() && last != Some(0) {
            return Wanted::Whole;
        }
        if start < end {
            Wanted::Part(start..end)
        } else {
            Wanted::Unsatisfiable
        }
    }
}

/// First and last position of a single range, each of which may be missing.
fn parse(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let ends = [first.trim(), last.trim()];
    let are_digits = ends
        .iter()
        .all(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    if !unit.trim().eq_ignore_ascii_case("bytes") || !are_digits {
        return None;
    }
    // A number too large for us lies beyond any content.
    let [first, last] = ends.map(|text| (!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX)));
    Some((first, last))
}

/// The value of a header that is there once.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const DATE: &str = "Fri, 31 Jan 2025 14:05:09 GMT";

    fn wanted(size: u64, headers: &[(&HeaderName, &'static str)]) -> Wanted {
        let version = Version {
            etag: "\"a\"".to_owned(),
            modified: "2025-01-31T14:05:09.5Z".parse().unwrap(),
            size,
        };
        assert_eq!(version.http_date(), DATE);
        let entries = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_static(value);
            ((*name).clone(), value)
        });
        let mut map = HeaderMap::new();
        for (name, value) in entries {
            map.append(name, value);
        }
        version.wanted(&map)
    }

    #[test]
    fn single_ranges_are_served() {
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("Bytes = 2 - 5", Wanted::Part(2..6)),
            ("bytes=9-", Wanted::Part(9..10)),
            ("bytes=5-99999999999999999999999", Wanted::Part(5..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=10-12", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            (
                "bytes=18446744073709551615-18446744073709551615",
                Wanted::Unsatisfiable,
            ),
        ] {
            assert_eq!(wanted(10, &[(&RANGE, range)]), expected, "{range}");
        }
    }

    #[test]
    fn the_last_bytes_of_an_empty_content_are_all_of_it() {
        for (range, expected) in [
            ("bytes=-1", Wanted::Whole),
            ("bytes=-99999999999999999999999", Wanted::Whole),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=0-", Wanted::Unsatisfiable),
            ("bytes=0-0", Wanted::Unsatisfiable),
        ] {
            assert_eq!(wanted(0, &[(&RANGE, range)]), expected, "{range}");
        }
    }

    #[test]
    fn everything_else_is_the_whole() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=+1-2",
            "bytes=0-1,3-4",
            "items=0-1",
            "bytes=0x1-2",
        ] {
            assert_eq!(wanted(10, &[(&RANGE, range)]), Wanted::Whole, "{range}");
        }
        assert_eq!(wanted(10, &[]), Wanted::Whole);
        let twice = [(&RANGE, "bytes=0-1"), (&RANGE, "bytes=2-3")];
        assert_eq!(wanted(10, &twice), Wanted::Whole);
    }

    #[test]
    fn a_range_of_another_version_is_the_whole() {
        for (of, expected) in [
            ("\"a\"", Wanted::Part(0..1)),
            (DATE, Wanted::Part(0..1)),
            ("\"b\"", Wanted::Whole),
            ("W/\"a\"", Wanted::Whole),
            ("Fri, 31 Jan 2025 14:05:10 GMT", Wanted::Whole),
        ] {
            let headers = [(&RANGE, "bytes=0-0"), (&IF_RANGE, of)];
            assert_eq!(wanted(10, &headers), expected, "{of}");
        }
    }

    #[test]
    fn who_has_it_gets_nothing() {
        for (headers, known) in [
            (&[(&IF_NONE_MATCH, "\"a\"")][..], true),
            (&[(&IF_NONE_MATCH, "\"b\", W/\"a\"")], true),
            (&[(&IF_NONE_MATCH, "\"b\""), (&IF_NONE_MATCH, "*")], true),
            (&[(&IF_NONE_MATCH, "\"b\"")], false),
            (&[(&IF_NONE_MATCH, "\"b\""), (&IF_MODIFIED_SINCE, DATE)], false),
            (&[(&IF_MODIFIED_SINCE, DATE)], true),
            (&[(&IF_MODIFIED_SINCE, "Fri, 31 Jan 2025 14:05:08 GMT")], false),
            (&[(&IF_MODIFIED_SINCE, "yesterday")], false),
        ] {
            assert_eq!(wanted(10, headers) == Wanted::Nothing, known, "{headers:?}");
        }
    }
}
