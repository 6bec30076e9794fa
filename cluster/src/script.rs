//! Scripts, by their hash where the server has them already.

use redis::{
    ErrorKind, FromRedisValue, RedisResult, Script as Hashed, ServerErrorKind, ToRedisArgs,
    aio::ConnectionLike,
};

/// A script with its hash.
pub struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    pub fn new(text: &'static str) -> Self {
        let hash = Hashed::new(text).get_hash().to_owned();
        Self { text, hash }
    }

    /// Runs it at the server that has these keys, which gets its text where it does not know it: the library would give it to another.
    pub async fn run<C, A, T>(&self, connection: &mut C, keys: &[&str], arguments: A) -> RedisResult<T>
    where
        C: ConnectionLike + Send,
        A: ToRedisArgs + Clone + Send,
        T: FromRedisValue,
    {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command
                .arg(script)
                .arg(keys.len())
                .arg(keys)
                .arg(arguments.clone());
            command
        };
        match command("EVALSHA", &self.hash).query_async(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", self.text).query_async(connection).await
            }
            other => other,
        }
    }
}
