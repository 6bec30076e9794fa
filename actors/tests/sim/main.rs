//! The simulator: a meeting on one thread, in virtual time, from one seed, and everything that can go wrong in it.
//!
//! `SIM_SEED=…` tells one seed step by step; `SIM_SECONDS=…` says how long new seeds are tried.
#![expect(
    clippy::expect_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

mod cast;
mod chance;
mod client;
mod compare;
mod deeds;
mod disk;
mod hear;
mod ledger;
mod media;
mod net;
mod people;
mod plan;
mod quiet;
mod server;
mod steps;
#[path = "../trial/mod.rs"]
mod trial;
mod view;
mod world;

use std::{
    fmt::Write as _,
    ops::Range,
    panic,
    sync::{Mutex, Once},
    time::{Duration, Instant, SystemTime},
};

use world::World;

/// Seeds that found something, each with what it found.
const FOUND: [u64; 0] = [];
/// Steps that a failure shows.
const STEPS_SHOWN: usize = 60;
/// How long new seeds are tried when nobody says.
const SECONDS: u64 = 3;

static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// What the last panic said, and where.
fn last_panic() -> String {
    LAST_PANIC.lock().expect("a single thread").clone()
}

/// Rules that panic on purpose do not fill the screen.
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_injected = info.payload_as_str() == Some("injected fault");
            if let Ok(mut last) = LAST_PANIC.lock() {
                *last = info.to_string();
            }
            if !is_injected {
                usual(info);
            }
        }));
    });
}

fn play(world: &mut World) -> Result<(), String> {
    for _ in 0..world.plan.steps {
        world.step()?;
    }
    world.end()
}

/// Runs a seed; a failure is run again and told.
fn run(seed: u64) -> Result<(), String> {
    keep_panics_quiet();
    let Err(error) = play(&mut World::new(seed, false)) else {
        return Ok(());
    };
    let mut again = World::new(seed, true);
    let same = play(&mut again) == Err(error.clone());
    let trace = again.trace();
    let mut text = String::new();
    for line in &trace[trace.len().saturating_sub(STEPS_SHOWN)..] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line}");
    }
    let again = if same { "" } else { " (the second run went another way!)" };
    Err(format!("{text}\n{error}\n\nSIM_SEED={seed}{again}"))
}

fn run_all(seeds: Range<u64>) {
    for seed in seeds {
        if let Err(error) = run(seed) {
            panic!("{error}");
        }
    }
}

#[test]
fn the_first_fixed_seeds() {
    run_all(0..250);
}

#[test]
fn the_other_fixed_seeds() {
    run_all(250..500);
}

#[test]
fn seeds_that_found_something() {
    for seed in FOUND {
        if let Err(error) = run(seed) {
            panic!("{error}");
        }
    }
}

#[test]
fn new_seeds() {
    let given = |name| std::env::var(name).ok()?.parse().ok();
    if let Some(seed) = given("SIM_SEED") {
        let mut world = World::new(seed, true);
        keep_panics_quiet();
        let played = play(&mut world);
        println!("{}", world.trace().join("\n"));
        assert_eq!(played, Ok(()), "SIM_SEED={seed}");
        return;
    }
    let begin = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let mut seed = chance::Chance::new(u64::from(begin.subsec_nanos()) ^ begin.as_secs()).number();
    let (began, span) = (
        Instant::now(),
        Duration::from_secs(given("SIM_SECONDS").unwrap_or(SECONDS)),
    );
    let mut count = 0;
    while began.elapsed() < span {
        seed = seed.wrapping_add(1);
        count += 1;
        if let Err(error) = run(seed) {
            panic!("{error}");
        }
    }
    println!("{count} new seeds");
}
