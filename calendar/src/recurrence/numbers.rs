//! Lists of numbers of a rule, of which a member is found without going through them: a step of a rule with 366 numbers costs
//! no more than one of a rule with none.

use chrono::Weekday;
use rrule::NWeekday;

/// Words of 64 bits for the numbers from 1 to 366.
const WORDS: usize = 6;

/// Places that count from 1, or backwards from -1, up to 366 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    front: [u64; WORDS],
    back: [u64; WORDS],
}

impl Numbers {
    pub fn of<Number: Copy + Into<i32>>(list: &[Number]) -> Self {
        let mut numbers = Self::default();
        for number in list {
            numbers.add((*number).into());
        }
        numbers
    }

    fn add(&mut self, number: i32) {
        let side = if number > 0 {
            &mut self.front
        } else {
            &mut self.back
        };
        let place = number.unsigned_abs() as usize;
        if let Some(word) = side.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it names this number from 1.
    pub fn has(&self, number: u32) -> bool {
        is_set(&self.front, number as usize)
    }

    /// Whether it names this index of so many.
    pub fn has_index(&self, index: usize, length: usize) -> bool {
        index < length && (is_set(&self.front, index + 1) || is_set(&self.back, length - index))
    }

    /// The indexes of so many that it names, rising.
    pub fn indexes(&self, length: usize) -> impl Iterator<Item = usize> {
        (0..length).filter(move |index| self.has_index(*index, length))
    }
}

fn is_set(side: &[u64; WORDS], place: usize) -> bool {
    side.get(place / 64)
        .is_some_and(|word| word & (1 << (place % 64)) != 0)
}

/// Weekdays of BYDAY: all of a kind, or those with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Weekdays {
    /// From Monday on.
    all: [bool; 7],
    counted: [Numbers; 7],
}

impl Weekdays {
    pub fn of(list: &[NWeekday]) -> Self {
        let mut weekdays = Self::default();
        let index = |weekday: Weekday| weekday.num_days_from_monday() as usize;
        for day in list {
            match *day {
                NWeekday::Every(weekday) => weekdays.all[index(weekday)] = true,
                NWeekday::Nth(nth, weekday) => weekdays.counted[index(weekday)].add(nth.into()),
            }
        }
        weekdays
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many days of a week it names.
    pub fn per_week(&self) -> usize {
        self.all.iter().filter(|is_named| **is_named).count()
    }

    /// Whether it names this day with this index among so many days.
    pub fn has(&self, weekday: Weekday, index: usize, length: usize) -> bool {
        let day = weekday.num_days_from_monday() as usize;
        if self.all[day] {
            return true;
        }
        let from_front = index / 7;
        let from_back = (length - 1 - index) / 7;
        // As places among those of its kind.
        self.counted[day].has_index(from_front, from_front + from_back + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_from_both_ends() {
        let numbers = Numbers::of(&[1, -1, 3, 366, -366, 400, 0]);
        let named: Vec<_> = numbers.indexes(5).collect();
        assert_eq!(named, [0, 2, 4]);
        let named: Vec<_> = numbers.indexes(366).collect();
        assert_eq!(named, [0, 2, 365]);
        assert_eq!(numbers.indexes(0).count(), 0);
        assert!(numbers.has(366) && !numbers.has(2) && !numbers.has(400));
        assert!(Numbers::of::<i32>(&[]).is_empty() && !numbers.is_empty());
        assert!(!Numbers::of(&[-2]).has_index(0, 1));
    }

    #[test]
    fn weekdays_are_counted_among_their_kind() {
        let day = NWeekday::new;
        let days = Weekdays::of(&[
            day(None, Weekday::Mon),
            day(Some(2), Weekday::Tue),
            day(Some(-1), Weekday::Fri),
        ]);
        // A month of thirty days.
        for (weekday, index, is_named) in [
            (Weekday::Mon, 0, true),
            (Weekday::Tue, 6, false),
            (Weekday::Tue, 7, true),
            (Weekday::Tue, 13, true),
            (Weekday::Tue, 14, false),
            (Weekday::Fri, 22, false),
            (Weekday::Fri, 23, true),
            (Weekday::Sun, 29, false),
        ] {
            assert_eq!(days.has(weekday, index, 30), is_named, "{weekday} {index}");
        }
        assert_eq!(days.per_week(), 1);
        assert!(!days.is_empty() && Weekdays::of(&[]).is_empty());
    }
}
