//! What an event costs a room whose receivers have their sockets on another node: to be compared with writing to as many sockets.

use bytes::BytesMut;
use colloquy_actors::{
    edge::{Downlink, RemoteLink, wire::RoomLife},
    frame::Frame,
    ids::{RoomId, SessionNo},
    registry::Life,
    shell::SessionLink as _,
};

fn main() {
    divan::main();
}

/// A chat message of the usual length, for so many receivers at one node, up to the bytes for its connection.
#[divan::bench(args = [1, 50, 500, 5_000])]
fn an_event_for_another_node(bencher: divan::Bencher<'_, '_>, receivers: u64) {
    let (downlink, _writer) = Downlink::new();
    let of = RoomLife {
        room: RoomId(uuid::Uuid::nil()),
        life: Life(1),
    };
    let outlet = downlink.outlet(of, |_| {});
    let links: Vec<RemoteLink> = (0..receivers)
        .map(|number| outlet.link(SessionNo(number)))
        .collect();
    let text = "x".repeat(300);
    let (mut buffer, mut seq) = (BytesMut::new(), 0);
    bencher.bench_local(|| {
        seq += 1;
        let frame = Frame::new(text.clone().into(), u32::try_from(receivers).unwrap_or(u32::MAX));
        for link in &links {
            link.bring(seq, frame.clone());
        }
        buffer.clear();
        while outlet.write(&mut buffer) {}
        buffer.len()
    });
}
