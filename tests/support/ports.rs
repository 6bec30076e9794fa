//! Ports for servers that must come back on the same one.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

use uuid::Uuid;

/// Below the range from which systems take ports for outgoing connections and for binding to port 0: a port from there
/// could be gone when a stopped server wants it back.
const FIRST: u16 = 10_000;
const COUNT: u16 = 10_000;

/// A port on which nothing listens at the moment. Processes that run at the same time start at random places.
pub fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(Uuid::new_v4().as_u128() % u128::from(COUNT)).expect("less than COUNT");
    for _ in 0..COUNT {
        let port = FIRST + (start + NEXT.fetch_add(1, Relaxed) % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}
