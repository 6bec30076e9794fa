//! What scripts answer: a word, and what belongs to it.

use colloquy_actors::cluster::store::{StoreDown, Written};
use redis::{FromRedisValue, Value};

pub fn odd(answer: &str) -> StoreDown {
    StoreDown(format!("an odd answer: {answer}"))
}

/// The first word of an answer.
pub fn word(answer: &[Value]) -> Result<String, StoreDown> {
    let first = answer.first().ok_or_else(|| odd("nothing"))?;
    String::from_redis_value_ref(first).map_err(|error| odd(&error.to_string()))
}

/// The number behind it.
pub fn second<T: FromRedisValue>(answer: &[Value]) -> Result<T, StoreDown> {
    let second = answer.get(1).ok_or_else(|| odd("no number"))?;
    T::from_redis_value_ref(second).map_err(|error| odd(&error.to_string()))
}

/// What became of a write; none where pieces are missing.
pub fn written(answer: &[Value]) -> Result<Option<Written>, StoreDown> {
    Ok(Some(match &*word(answer)? {
        "done" => Written::Done,
        "behind" => Written::Behind(second(answer)?),
        "ahead" => Written::Ahead,
        "lost" => Written::Lost,
        "gone" => Written::Gone,
        "fenced" => {
            let nonce: String = second(answer)?;
            Written::Fenced(nonce.parse().map_err(|_| odd(&nonce))?)
        }
        "again" => return Ok(None),
        other => return Err(odd(other)),
    }))
}
