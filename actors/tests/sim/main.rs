//! The simulator: two meetings of a server on one thread, in virtual time, from one seed, and everything that can go wrong in it.
//!
//! `SIM_SEED=…` tells one seed step by step; `SIM_SECONDS=…` says how long new seeds are tried.
#![expect(
    clippy::expect_used,
    reason = "what can't be read ends the test, also outside of its own function"
)]

mod beside;
mod boards;
mod cast;
mod chance;
mod client;
mod clock;
mod compare;
mod crowd;
mod deeds;
mod disk;
mod door;
mod facts;
mod hear;
mod house;
mod ledger;
mod media;
mod net;
mod outside;
mod pads;
mod people;
mod plan;
mod process;
mod quiet;
mod reach;
mod server;
mod steps;
#[path = "../trial/mod.rs"]
mod trial;
mod view;
mod whispers;
mod world;

use std::{
    cell::RefCell,
    fmt::Write as _,
    panic,
    sync::Once,
    time::{Duration, Instant, SystemTime},
};

use house::House;
use reach::Reached;

/// Seeds that found something, each with what it found.
const FOUND: [u64; 6] = [
    // The room heard of a lost connection minutes later.
    2_901_091_698_309_444_413,
    // A queue had run over minutes before its client noticed.
    1_500_788_629_675_085_798,
    // An error before the join had a number, from which the client went on.
    17_640_897_907_643_949_064,
    // A call to LiveKit ended after its breakout room had closed.
    3_878_034_981_534_064_021,
    // A message waited for the disk for a minute.
    17_887_800_064_025_715_387,
    // The end of a session took away the link by which it was on its way back.
    2_406_569_125_913_791_005,
];
/// Steps that a failure shows.
const STEPS_SHOWN: usize = 60;
/// How long new seeds are tried when nobody says.
const SECONDS: u64 = 3;

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What the last panic of this thread said, and where.
fn last_panic() -> String {
    LAST_PANIC.with_borrow(Clone::clone)
}

/// Rules that panic on purpose do not fill the screen.
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_injected = info.payload_as_str() == Some("injected fault");
            LAST_PANIC.set(info.to_string());
            if !is_injected {
                usual(info);
            }
        }));
    });
}

/// Runs a seed; a failure is run again and told.
fn run(seed: u64, reached: &mut Reached) -> Result<(), String> {
    keep_panics_quiet();
    let mut house = House::new(seed, false);
    let Err(error) = house.play() else {
        house.add_reached(reached);
        return Ok(());
    };
    let mut again = House::new(seed, true);
    let same = again.play() == Err(error.clone());
    let trace = again.trace();
    let mut text = String::new();
    for line in &trace[trace.len().saturating_sub(STEPS_SHOWN)..] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line}");
    }
    let again = if same {
        ""
    } else {
        " (the second run went another way!)"
    };
    Err(format!("{text}\n{error}\n\nSIM_SEED={seed}{again}"))
}

fn run_all(seeds: impl IntoIterator<Item = u64>) -> Reached {
    let mut reached = Reached::new();
    for seed in seeds {
        if let Err(error) = run(seed, &mut reached) {
            panic!("{error}");
        }
    }
    reached
}

#[test]
fn the_first_fixed_seeds() {
    reach::assert_everything_is_reached(&run_all(0..250));
}

#[test]
fn the_other_fixed_seeds() {
    reach::assert_everything_is_reached(&run_all(250..500));
}

#[test]
fn seeds_that_found_something() {
    run_all(FOUND);
}

#[test]
fn new_seeds() {
    let given = |name| std::env::var(name).ok()?.parse().ok();
    if let Some(seed) = given("SIM_SEED") {
        let mut house = House::new(seed, true);
        keep_panics_quiet();
        let played = house.play();
        println!("{}", house.trace().join("\n"));
        assert_eq!(played, Ok(()), "SIM_SEED={seed}");
        return;
    }
    let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let mut seed = chance::Chance::new(u64::from(clock.subsec_nanos()) ^ clock.as_secs()).number();
    let (began, span) = (
        Instant::now(),
        Duration::from_secs(given("SIM_SECONDS").unwrap_or(SECONDS)),
    );
    let mut count = 0;
    let seeds = std::iter::from_fn(|| {
        seed = seed.wrapping_add(1);
        count += 1;
        (began.elapsed() < span).then_some(seed)
    });
    let reached = run_all(seeds);
    println!("{count} new seeds: {reached:#?}");
}
