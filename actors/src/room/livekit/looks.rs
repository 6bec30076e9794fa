//! When the counterpart of a room in LiveKit is looked at.

use serde::{Deserialize, Serialize};

use crate::{
    ids::Timestamp,
    protocol::limits::{LOOK_EVERY_SECS, LOOK_EVERY_SECS_WITH_WEBHOOKS},
};

/// How long after a look in vain the next one follows; the last of them again and again.
const AGAIN_SECS: [u64; 4] = [1, 5, 20, 60];

/// How long after a moderator has removed somebody LiveKit is looked at: it may come back with its last token.
const REMOVED_SECS: [u64; 4] = [2, 5, 35, 100];

/// How long after anything else that should change something there.
const CHANGED_SECS: u64 = 5;

/// How far apart looks at several rooms of a meeting begin: what a room does at once must not grow with the breakout rooms.
const APART_MILLIS: i64 = 20;

/// A look that is due so shortly before another one, or after it, is in place of it.
const BEFORE_MICROS: i64 = 1_000_000;
const AFTER_MICROS: i64 = 250_000;

/// The looks ahead.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that have nothing to do with one another"
)]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Looks {
    /// The earliest first: none further away than the longest of the times above, and no two close together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    due: Vec<Timestamp>,
    /// How many looks in a row were in vain, or found something, since somebody had to go or something had to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsettled: Option<u8>,
    /// Something has changed since the look that is under way was asked for: it does not say how things are now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_changed: bool,
    /// One came due while another was under way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_late: bool,
    /// Whether LiveKit tells us itself who comes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_webhooks: bool,
    /// Whether it was said in this meeting that somebody who was removed had come back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_warned: bool,
}

/// What a look has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookResult {
    AsItShouldBe,
    /// There is something to mend.
    Differences,
    /// More than one look can tell.
    More,
    /// Nobody answered.
    Nothing,
}

impl Looks {
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.due.first().copied()
    }

    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.unsettled.is_some()
    }

    /// A look at this time, unless there is one shortly before or after.
    fn plan(&mut self, at: Timestamp) {
        let is_near = |due: &Timestamp| {
            let after = due.as_micros() - at.as_micros();
            (-BEFORE_MICROS..=AFTER_MICROS).contains(&after)
        };
        if !self.due.iter().any(is_near) {
            let place = self.due.partition_point(|due| *due < at);
            self.due.insert(place, at);
        }
    }

    /// The next look is not later than this.
    pub fn not_later(&mut self, at: Timestamp) {
        if self.due.first().is_none_or(|due| *due > at) {
            self.due.insert(0, at);
        }
    }

    /// A moderator has removed somebody: what follows comes before looks at others.
    pub fn after_removal(&mut self, now: Timestamp) {
        self.unsettle();
        for secs in REMOVED_SECS {
            self.plan(now.plus_secs(secs));
        }
    }

    /// Somebody has left by itself, or LiveKit could not be told of something in time.
    pub fn after_change(&mut self, now: Timestamp) {
        self.has_changed = true;
        self.not_later(now.plus_secs(CHANGED_SECS));
    }

    /// Something is not as it should be, as far as is known.
    pub fn unsettle(&mut self) {
        self.has_changed = true;
        self.unsettled.get_or_insert(0);
    }

    /// Something could not be done that must be. Where that was known before, the looks that follow one another come to it.
    pub fn after_failure(&mut self, now: Timestamp) {
        if !self.is_unsettled() {
            self.unsettle();
            self.plan(now.plus_secs(AGAIN_SECS[0]));
        }
    }

    /// Takes what is due, which one look is enough for; false if one is under way, which will be followed by another.
    pub fn begin(&mut self, now: Timestamp, is_under_way: bool) -> bool {
        self.due.retain(|due| *due > now);
        self.is_late = is_under_way;
        self.has_changed &= is_under_way;
        !is_under_way
    }

    /// Another room of the meeting is just being looked at.
    pub fn put_off(&mut self, now: Timestamp) {
        self.due.retain(|due| *due > now);
        self.not_later(now.plus_millis(APART_MILLIS));
    }

    /// There is no place for a look.
    pub fn postpone(&mut self, now: Timestamp) {
        self.plan(now.plus_secs(CHANGED_SECS));
    }

    /// A look has ended. The next one follows while there is something to see (`is_watched`) or something to wait for; `is_strict`: what
    /// people publish must be looked at, which LiveKit does not tell.
    pub fn done(&mut self, now: Timestamp, found: LookResult, (is_watched, is_strict): (bool, bool)) {
        match (found, &mut self.unsettled) {
            (LookResult::AsItShouldBe, _) if !self.has_changed => self.unsettled = None,
            (LookResult::More, Some(tries)) => {
                // What was found is being mended: the rest is not waited for longer and longer.
                *tries = 1;
                self.plan(now.plus_secs(AGAIN_SECS[1]));
            }
            (_, Some(tries)) => {
                let secs = AGAIN_SECS[usize::from(*tries).min(AGAIN_SECS.len() - 1)];
                *tries = tries.saturating_add(1);
                self.plan(now.plus_secs(secs));
            }
            (_, None) => {}
        }
        if std::mem::take(&mut self.is_late) {
            self.not_later(now.plus_secs(1));
        }
        if is_watched || self.is_unsettled() {
            let is_told = self.has_webhooks && found == LookResult::AsItShouldBe && !self.is_unsettled();
            let every = if is_told && !is_strict {
                LOOK_EVERY_SECS_WITH_WEBHOOKS
            } else {
                LOOK_EVERY_SECS
            };
            self.not_later(now.plus_secs(every));
        }
    }

    /// What a process that died had planned is not known to have happened.
    pub fn restarted(&mut self, now: Timestamp) {
        self.is_late = false;
        self.unsettle();
        self.not_later(now);
    }

    /// Describes what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.due.is_sorted() && self.due.len() <= LOOKS_MAX {
            Ok(())
        } else {
            Err(format!("looks are planned at {:?}", self.due))
        }
    }
}

/// Looks ahead: after a removal one in [`BEFORE_MICROS`] until the last, and those of other kinds that may be closer.
const LOOKS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    fn times(looks: &Looks) -> Vec<i64> {
        looks.due.iter().map(|due| due.as_micros() / 1_000).collect()
    }

    #[test]
    fn looks_follow_a_removal_and_many_removals_are_few_looks() {
        let mut looks = Looks::default();
        looks.after_removal(at(0));
        looks.after_removal(at(10));
        looks.after_change(at(20));
        assert_eq!(times(&looks), [2_000, 5_000, 35_000, 100_000]);
        for second in 0..1_000 {
            looks.begin(at(second * 1_000), false);
            looks.after_removal(at(second * 1_000 + 500));
            looks.check().unwrap();
        }
    }

    #[test]
    fn looks_in_vain_are_repeated_and_a_quiet_room_is_looked_at_each_minute() {
        let mut looks = Looks::default();
        looks.not_later(at(0));
        assert!(looks.begin(at(0), false));
        looks.done(at(100), LookResult::AsItShouldBe, (true, false));
        assert_eq!(times(&looks), [60_100]);
        looks.unsettle();
        let mut now = 60_100;
        for wait in [1_000, 5_000, 20_000, 60_000, 60_000] {
            assert!(looks.begin(at(now), false));
            looks.done(at(now), LookResult::Differences, (true, false));
            assert_eq!(times(&looks), [now + wait]);
            now += wait;
        }
        assert!(looks.begin(at(now), false));
        looks.has_webhooks = true;
        looks.done(at(now), LookResult::AsItShouldBe, (true, false));
        assert_eq!(times(&looks), [now + 300_000]);
        now += 300_000;
        assert!(looks.begin(at(now), false));
        looks.done(at(now), LookResult::AsItShouldBe, (false, false));
        assert_eq!(times(&looks), [0_i64; 0], "nobody is here");
    }

    /// Who was removed while a look was under way is not known to be gone because that look found nobody.
    #[test]
    fn a_look_says_nothing_of_what_came_after_it() {
        let mut looks = Looks::default();
        looks.not_later(at(0));
        assert!(looks.begin(at(0), false));
        looks.after_removal(at(100));
        looks.done(at(200), LookResult::AsItShouldBe, (true, false));
        assert!(looks.is_unsettled());
        assert!(looks.begin(at(1_200), false));
        looks.done(at(1_300), LookResult::AsItShouldBe, (true, false));
        assert!(!looks.is_unsettled());
    }

    #[test]
    fn what_can_not_be_done_is_not_tried_more_and_more_often() {
        let mut looks = Looks::default();
        looks.unsettle();
        for second in 0..1_000 {
            let now = second * 1_000;
            if looks.next().is_none_or(|due| due <= at(now)) && looks.begin(at(now), false) {
                looks.done(at(now), LookResult::Differences, (true, false));
            }
            looks.after_failure(at(now + 500));
        }
        assert!(looks.next() >= Some(at(1_000_000)), "{looks:?}");
    }

    #[test]
    fn a_restriction_is_looked_after_though_livekit_tells_who_comes() {
        let mut looks = Looks {
            has_webhooks: true,
            ..Looks::default()
        };
        looks.not_later(at(0));
        assert!(looks.begin(at(0), false));
        looks.done(at(0), LookResult::AsItShouldBe, (true, false));
        assert_eq!(times(&looks), [300_000]);
        looks.not_later(at(70_000));
        assert_eq!(times(&looks), [70_000, 300_000]);
        assert!(looks.begin(at(70_000), false));
        looks.done(at(70_000), LookResult::AsItShouldBe, (true, true));
        assert_eq!(times(&looks), [130_000, 300_000]);
    }

    #[test]
    fn what_comes_due_while_one_looks_is_looked_for_afterwards() {
        let mut looks = Looks::default();
        looks.after_change(at(0));
        assert!(!looks.begin(at(5_000), true));
        looks.done(at(6_000), LookResult::AsItShouldBe, (true, false));
        assert_eq!(times(&looks), [7_000]);
    }
}
