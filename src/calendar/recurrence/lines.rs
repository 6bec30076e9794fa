//! Lines of a pattern as they are kept and given back.

/// The lines, each with a name: some clients leave out that of a rule (`FREQ=WEEKLY;BYDAY=MO`), which is an RRULE then.
#[must_use]
pub fn named(lines: Vec<String>) -> Vec<String> {
    let named = |line: String| {
        let head = line.split([':', ';']).next().unwrap_or_default();
        if head.contains('=') {
            format!("RRULE:{}", line.trim_start())
        } else {
            line
        }
    };
    lines.into_iter().map(named).collect()
}

/// The lines with the rule in front, where clients look for it; the others stay in their order.
#[must_use]
pub fn rule_first(mut lines: Vec<String>) -> Vec<String> {
    const NAME: &str = "RRULE";
    let is_rule = |line: &String| {
        let head = line.trim_start().get(..NAME.len());
        head.is_some_and(|name| name.eq_ignore_ascii_case(NAME))
    };
    lines.sort_by_key(|line| !is_rule(line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn a_rule_without_a_name_is_an_rrule() {
        for (given, expected) in [
            ("FREQ=DAILY", "RRULE:FREQ=DAILY"),
            (" freq=weekly;BYDAY=MO", "RRULE:freq=weekly;BYDAY=MO"),
            ("INTERVAL=2;FREQ=DAILY", "RRULE:INTERVAL=2;FREQ=DAILY"),
            ("RRULE:FREQ=DAILY", "RRULE:FREQ=DAILY"),
            ("rrule;X-A=b:FREQ=DAILY", "rrule;X-A=b:FREQ=DAILY"),
            (
                "EXDATE;TZID=UTC:20270101T000000",
                "EXDATE;TZID=UTC:20270101T000000",
            ),
            ("DTSTART:20270101T000000Z", "DTSTART:20270101T000000Z"),
            ("nonsense", "nonsense"),
            ("", ""),
        ] {
            assert_eq!(named(owned(&[given])), [expected]);
        }
    }

    #[test]
    fn the_rule_comes_first() {
        let given = owned(&["EXDATE:1", "RDATE:2", " rrule:FREQ=DAILY", "EXRULE:FREQ=DAILY"]);
        let expected = [" rrule:FREQ=DAILY", "EXDATE:1", "RDATE:2", "EXRULE:FREQ=DAILY"];
        assert_eq!(rule_first(given), expected);
        assert_eq!(rule_first(owned(&["EXDÄTE:1", "X"])), ["EXDÄTE:1", "X"]);
    }
}
