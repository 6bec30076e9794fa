//! The rules of rooms, told as conversations: `rooms/<namespace>_<rule>.txt`, in raw JSON.
//!
//! Lines that begin with `->` are what came of the line above; `UPDATE=1` writes them anew. The other lines:
//!
//! ```text
//! # a remark
//! room waiting_room=true password=… modules=chat,moderation     facts of the next meeting; before the first input also
//!                                     `targets=red,blue` where it may be streamed to, `features=record` of recording;
//!                                     settings: grace=15 kept=1000 history=list screen_share=asks
//! alice: start owner                  or user, moderator, guest, sip, recorder; `guest invite=other`,
//!                                     `user groups=red,blue`, `user breakout=<m1>`
//! bob: start guest with alice token 1   the same, bringing a token (the first that alice got; without number the newest)
//! bob: resume [into <m1>] [alice] [token 1]   the token alone speaks for the caller
//! bob: connect [ticket 1]             the newest ticket, or the first; `from 7` resumes from a number
//! bob: enter guest …                  starts, connects and joins as Bob; shows only who that is. `enter again …` resumes
//! bob: {"namespace":…}                a command; `bob/1` is the first socket, `bob` the newest
//! bob: close                          with a close frame; `vanish` without
//! bob: go on from 7                   the socket outlives a restart, and was brought everything up to this number
//! repeat 250 bob: {…}                 says only that it was done
//! livekit 1 done                      what became of the first call; `fails`, `muted <p2> <p3>`; `task 2 done` of the second task
//! report 2 stored                     the same of a report; `fails`, or JSON, e.g. `"not_made"`
//! whiteboard 3 fails                  of a whiteboard; `meeting_notes 4 done` of a pad, `subroom_audio 5 done` of a whisper group's room
//! change targets                      word that the streaming targets of the room are others; `task 3 livestreams red blue`
//! wait 15s, restart, delete room, withdraw invite [other], withdraw user bob, disable user bob, look
//! folder plans                        the event has got this folder; `folder gone`: it has none any more
//! guests wait                         how the room takes people by a link; also `enter`, `stay_out`
//! ```
//!
//! Participants are `<p1>`, `<p2>` …, all other ids `<m1>`, times `<seconds since the beginning>`, long runs `<a*4096>`, entries of a list
//! that are all the same `<p2*100>`. `#3` is
//! the number of the event; `#1:3` the third after the first restart. Time goes on by a millisecond with every line.

mod transcript;
mod trial;

use std::{fs, path::Path};

use transcript::scene::Scene;

#[test]
fn rooms_keep_to_their_transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rooms");
    let update = std::env::var_os("UPDATE").is_some();
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no transcripts in {}", folder.display());
    let mut differences = String::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected = fs::read_to_string(&path).unwrap();
        match play(&expected) {
            Ok(actual) if actual == expected => {}
            Ok(actual) if update => fs::write(&path, actual).unwrap(),
            Ok(actual) => differences.push_str(&difference(&name, &expected, &actual)),
            Err(error) => differences.extend([&name, ":", &error, "\n"]),
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

/// Plays the inputs of a transcript; the result has the outputs that came of them.
fn play(text: &str) -> Result<String, String> {
    let mut scene = Scene::default();
    let mut played = String::new();
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with("->") {
            continue;
        }
        played.push_str(line);
        played.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let outputs = scene
            .line(line)
            .map_err(|error| format!("{number}: {error}\n    {line}"))?;
        for output in outputs {
            played.push_str("-> ");
            played.push_str(&output);
            played.push('\n');
        }
    }
    scene.end().map_err(|error| format!("end: {error}"))?;
    Ok(played)
}

/// The first lines that differ, with what stands before them.
fn difference(name: &str, expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let same = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let same_at_end = expected[same..]
        .iter()
        .rev()
        .zip(actual[same..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut text = format!("{name}:{}\n", same + 1);
    let mut show = |mark: &str, lines: &[&str]| {
        for line in lines {
            text.extend(["  ", mark, " ", line, "\n"]);
        }
    };
    show(" ", &expected[same.saturating_sub(3)..same]);
    show("-", &expected[same..expected.len() - same_at_end]);
    show("+", &actual[same..actual.len() - same_at_end]);
    text
}
