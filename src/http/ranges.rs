//! What a client wants of a content that never changes: all, a range, or nothing because it has it (RFC 9110).

use std::ops::Range;

use axum::http::{
    HeaderMap,
    header::{HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE},
};
use chrono::{DateTime, Utc};
use headers::{ETag, HeaderMapExt as _, IfModifiedSince, IfNoneMatch};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};

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
        // `headers::IfRange` takes any later date for the same; RFC 9110, section 13.1.5, wants this one.
        let is_current = text(headers, &IF_RANGE).is_none_or(|of| of == self.etag || of == self.http_date());
        match text(headers, &RANGE).filter(|_| is_current) {
            Some(range) => self.part(range),
            None => Wanted::Whole,
        }
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(IF_NONE_MATCH) {
            return is_known(&self.etag, headers);
        }
        let since = headers.typed_get::<IfModifiedSince>();
        since.is_some_and(|since| !since.is_modified(self.modified.into()))
    }

    fn part(&self, range: &str) -> Wanted {
        let Ok(ranges) = parse_range_header(range) else {
            return Wanted::Whole;
        };
        match ranges.validate(self.size).as_deref() {
            Ok([range]) => Wanted::Part(*range.start()..range.end() + 1),
            Err(RangeUnsatisfiableError::Unsatisfiable) => Wanted::Unsatisfiable,
            Ok(_) | Err(_) => Wanted::Whole,
        }
    }
}

/// Whether a client names this entity tag by `If-None-Match`, so that it has the content already.
pub(super) fn is_known(etag: &str, headers: &HeaderMap) -> bool {
    let named = headers.typed_get::<IfNoneMatch>();
    let etag = etag.parse::<ETag>().ok();
    named
        .zip(etag)
        .is_some_and(|(named, etag)| !named.precondition_passes(&etag))
}

/// The value of a header that is there once.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header::IF_MODIFIED_SINCE};

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
            ("Bytes=2-5", Wanted::Part(2..6)),
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
            // With blanks where RFC 9110 knows none.
            "bytes = 2 - 5",
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
            (&[(&IF_NONE_MATCH, "\"b\""), (&IF_NONE_MATCH, "\"a\"")], true),
            (&[(&IF_NONE_MATCH, "*")], true),
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
