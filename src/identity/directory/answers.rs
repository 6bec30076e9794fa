//! Answers that are good for a while: people type, and several look for the same.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Found, Question};

/// Answers that are remembered.
const ANSWERS_MAX: usize = 200;

/// For how long an answer is good.
const FRESH: TimeDelta = TimeDelta::seconds(30);

/// The last answers, each with its time.
#[derive(Debug, Default)]
pub(super) struct Answers(HashMap<Question, (DateTime<Utc>, Arc<Found>)>);

impl Answers {
    pub fn get(&self, question: &Question, now: DateTime<Utc>) -> Option<Arc<Found>> {
        let (at, found) = self.0.get(question)?;
        is_fresh(*at, now).then(|| Arc::clone(found))
    }

    pub fn insert(&mut self, question: Question, found: Arc<Found>, now: DateTime<Utc>) {
        if self.0.len() >= ANSWERS_MAX {
            self.0.retain(|_, (at, _)| is_fresh(*at, now));
        }
        if self.0.len() >= ANSWERS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(question, _)| question.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(question, (now, found));
    }
}

/// What is of the future came before the clock was set back.
fn is_fresh(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (TimeDelta::zero()..FRESH).contains(&(now - at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(number: i64) -> Question {
        Question::Words(number.to_string())
    }

    fn nobody() -> Arc<Found> {
        Arc::new(Found {
            issuer: "i".to_owned(),
            people: Vec::new(),
        })
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn an_answer_is_good_for_half_a_minute() {
        let mut answers = Answers::default();
        answers.insert(question(1), nobody(), at(100));
        assert!(answers.get(&question(1), at(129)).is_some());
        assert!(answers.get(&question(1), at(130)).is_none());
        assert!(
            answers.get(&question(1), at(99)).is_none(),
            "the clock was set back"
        );
        assert!(answers.get(&question(2), at(100)).is_none());
        let address = Question::Address("1".to_owned());
        assert!(answers.get(&address, at(100)).is_none(), "another question");
        answers.insert(question(1), nobody(), at(130));
        assert!(answers.get(&question(1), at(159)).is_some());
    }

    #[test]
    fn the_number_of_answers_is_bounded() {
        let mut answers = Answers::default();
        for number in 0..2_000 {
            answers.insert(question(number), nobody(), at(number / 1_000));
            assert!(answers.0.len() <= ANSWERS_MAX);
        }
        assert!(
            answers.get(&question(1_999), at(2)).is_some(),
            "the newest is kept"
        );
    }
}
