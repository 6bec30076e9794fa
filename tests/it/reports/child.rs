//! `colloquy render` by itself: its limits hold, and it says what is wrong.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{NAMES, render, text, with_input};
use crate::support::binary;

fn document(rows: &Value) -> Value {
    json!({
        "title": "Report", "made_at": "2026-12-01T11:00:00Z", "made_by": "Colloquy", "facts": [],
        "sections": [{"heading": "Participants", "columns": ["№", "Name"], "rows": rows}],
    })
}

fn row(number: usize, name: &str) -> Value {
    json!([{"text": number.to_string()}, {"text": name}])
}

#[test]
fn five_hundred_participants_take_less_than_five_seconds() {
    let name = |at: usize| format!("{} {at}", NAMES[at % NAMES.len()]);
    let rows: Vec<_> = (0..500).map(|at| row(at, &name(at))).collect();
    let begin = Instant::now();
    let output = render(&document(&json!(rows)));
    let took = begin.elapsed();
    assert!(output.status.success(), "{output:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let text = text(&output.stdout);
    assert!(text.contains("Page 1 of ") && text.contains("\n499 "));
}

/// Guests with long names of letters that nobody else has: there are no more glyphs of the machine's fonts than fit into the memory.
#[test]
fn thirty_thousand_chinese_and_korean_letters_make_a_report() {
    let letters: Vec<char> = ('\u{3400}'..='\u{9fff}')
        .chain('\u{ac00}'..='\u{d7a3}')
        .take(30_000)
        .collect();
    let names = letters.chunks(95).map(|name| name.iter().collect::<String>());
    let rows: Vec<_> = names.enumerate().map(|(at, name)| row(at, &name)).collect();
    let output = render(&document(&json!(rows)));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert!(output.stdout.starts_with(b"%PDF-"));
}

#[test]
fn the_limit_of_memory_holds() {
    // Well within what is read at all, but each row takes ten times as much in memory.
    let row = r#"[{"text":"a"}]"#;
    let rows = vec![row; 2_000_000].join(",");
    let document = document(&json!([]))
        .to_string()
        .replace("\"rows\":[]", &format!("\"rows\":[{rows}]"));
    assert!(document.len() > rows.len());
    let output = with_input(binary::colloquy().arg("render"), document.as_bytes());
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("memory"), "{words}");
}

#[test]
fn limits_hold_before_anything_is_read() {
    let mut child = binary::colloquy()
        .arg("render")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary");
    let limits = format!("/proc/{}/limits", child.id());
    let deadline = Instant::now() + Duration::from_secs(20);
    let expected = [
        ("Max data size", "268435456"),
        ("Max cpu time", "60"),
        ("Max core file size", "0"),
    ];
    loop {
        let now = std::fs::read_to_string(&limits).expect("limits");
        let holds = |(name, value): &(&str, &str)| {
            let line = now.lines().find(|line| line.starts_with(name));
            line.is_some_and(|line| line[name.len()..].split_whitespace().next() == Some(value))
        };
        if expected.iter().all(holds) {
            break;
        }
        assert!(Instant::now() < deadline, "{now}");
        std::thread::yield_now();
    }
    drop(child.stdin.take());
    assert!(!child.wait().expect("an end").success());
}

#[test]
fn what_is_no_document_is_named() {
    for (input, expected) in [
        ("", "stdin has no document"),
        ("{}", "missing field"),
        ("{\"title\": 1}", "stdin has no document"),
        ("{\"titel\": \"x\"}", "unknown field `titel`"),
    ] {
        let output = with_input(binary::colloquy().arg("render"), input.as_bytes());
        assert_eq!(output.status.code(), Some(1));
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(
            words.starts_with("colloquy render: ") && words.contains(expected),
            "{words}"
        );
        assert!(output.stdout.is_empty());
    }
    let large = format!("{{\"title\": \"{}", "x".repeat(32 << 20));
    let output = with_input(binary::colloquy().arg("render"), large.as_bytes());
    assert!(String::from_utf8_lossy(&output.stderr).contains("more than 33554432 bytes"));
}

/// It needs no settings, and wrong ones do not hinder it.
#[test]
fn it_knows_nothing_of_the_server() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colloquy"));
    command
        .env_clear()
        .env("COLLOQUY_HTTP__LISTEN", "nonsense")
        .arg("render");
    let output = with_input(&mut command, document(&json!([])).to_string().as_bytes());
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.starts_with(b"%PDF-"));
}
