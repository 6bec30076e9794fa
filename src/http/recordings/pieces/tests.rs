use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{
            Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::*;

type Yielded = Vec<(Piece, Vec<u8>)>;

/// What the library yields of what a client sends through a pipe of so many bytes.
async fn yielded<F: Future<Output = ()>>(
    pipe: usize,
    send: impl FnOnce(WebSocketStream<DuplexStream>) -> F,
) -> (Yielded, Option<tungstenite::Error>) {
    let (ours, theirs) = tokio::io::duplex(pipe);
    let (pieces, parts) = Pieces::new(ours);
    let config = WebSocketConfig::default()
        .max_message_size(Some(PIECE_BYTES))
        .max_frame_size(Some(PIECE_BYTES));
    let mut socket = WebSocketStream::from_raw_socket(pieces, Role::Server, Some(config)).await;
    let client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    // Owns our end: it is closed when nothing more is read.
    let receiving = async move {
        let mut all = Vec::new();
        loop {
            match socket.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    all.push((parts.next().expect("a part"), bytes.to_vec()));
                }
                Some(Ok(Message::Close(_))) | None => return (all, None),
                Some(Ok(_)) => {}
                Some(Err(error)) => return (all, Some(error)),
            }
        }
    };
    tokio::join!(receiving, send(client)).0
}

fn data(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| u8::try_from(index % 251).expect("a byte"))
        .collect()
}

fn whole(messages: &Yielded) -> Vec<u8> {
    messages.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
}

#[tokio::test]
async fn messages_of_all_lengths_come_in_pieces() {
    for length in [
        0,
        1,
        125,
        126,
        65_535,
        65_536,
        PIECE_BYTES - 1,
        PIECE_BYTES,
        PIECE_BYTES + 1,
        3 * PIECE_BYTES + 7,
    ] {
        for pipe in [7, 64 * 1024] {
            // A byte at a time is slow with long ones.
            if pipe == 7 && length > PIECE_BYTES {
                continue;
            }
            let sent = data(length);
            let message = Message::binary(sent.clone());
            let (all, error) = yielded(pipe, async |mut client| {
                client.send(message).await.unwrap();
                client.close(None).await.unwrap();
            })
            .await;
            assert!(error.is_none(), "{length}: {error:?}");
            assert!(whole(&all) == sent, "{length}");
            assert_eq!(all.len(), length.div_ceil(PIECE_BYTES).max(1), "{length}");
            let last = all.len() - 1;
            for (index, (piece, bytes)) in all.iter().enumerate() {
                let expected = Piece {
                    begins: index == 0,
                    ends: index == last,
                    is_text: false,
                    announced: length as u64,
                };
                assert_eq!(*piece, expected, "{length}");
                assert!(bytes.len() <= PIECE_BYTES);
            }
        }
    }
}

#[tokio::test]
async fn fragments_are_one_message_with_pings_in_between() {
    let fragment =
        |bytes: &[u8], code, last| Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(code), last));
    let (all, error) = yielded(1024, async |mut client| {
        for message in [
            Message::text("first"),
            fragment(b"ab", Data::Text, false),
            Message::Ping(vec![1; 125].into()),
            fragment(b"", Data::Continue, false),
            fragment(b"c", Data::Continue, true),
            Message::binary(&b"last"[..]),
        ] {
            client.send(message).await.unwrap();
        }
        client.close(None).await.unwrap();
        while client.next().await.is_some_and(|message| message.is_ok()) {}
    })
    .await;
    assert!(error.is_none(), "{error:?}");
    let shown: Vec<_> = all
        .iter()
        .map(|(piece, bytes)| {
            let text = std::str::from_utf8(bytes).unwrap();
            (text, piece.begins, piece.ends, piece.is_text, piece.announced)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("first", true, true, true, 5),
            ("ab", true, false, true, 2),
            ("", false, false, true, 2),
            ("c", false, true, true, 3),
            ("last", true, true, false, 4),
        ]
    );
}

#[tokio::test]
async fn what_breaks_the_protocol_is_an_error() {
    const MASKED_EMPTY: u8 = 0x80;
    for frames in [
        // A continuation of nothing; a message within another; reserved bits; an unknown opcode; without a mask.
        &[0x80, MASKED_EMPTY, 0, 0, 0, 0][..],
        &[0x02, MASKED_EMPTY, 0, 0, 0, 0, 0x82, MASKED_EMPTY, 0, 0, 0, 0],
        &[0xc2, MASKED_EMPTY, 0, 0, 0, 0],
        &[0x83, MASKED_EMPTY, 0, 0, 0, 0],
        &[0x82, 0],
    ] {
        let (_, error) = yielded(64, async |mut client| {
            client.get_mut().write_all(frames).await.unwrap();
            client.get_mut().flush().await.unwrap();
        })
        .await;
        assert!(error.is_some(), "{frames:x?}");
    }
}

#[tokio::test]
async fn a_huge_message_is_told_and_what_comes_of_it_thrown_away() {
    for announced in [MESSAGE_BYTES_MAX + 1, u64::MAX] {
        let (all, error) = yielded(64, async |mut client| {
            let stream = client.get_mut();
            let mut frame = vec![FINAL | BINARY, MASKED | 127];
            frame.extend(announced.to_be_bytes());
            frame.extend([0; 4]);
            stream.write_all(&frame).await.unwrap();
            stream.write_all(&vec![FINAL | BINARY; 100_000]).await.unwrap();
        })
        .await;
        let piece = Piece {
            begins: true,
            ends: false,
            is_text: false,
            announced,
        };
        assert_eq!(all, [(piece, Vec::new())]);
        // The stream ended without a goodbye.
        assert!(error.is_some());
    }
}

#[tokio::test]
async fn fragments_together_are_no_larger_than_a_message() {
    let half = vec![0; 60_000_000];
    let (all, _) = yielded(64 * 1024, async |mut client| {
        for code in [Data::Binary, Data::Continue] {
            let frame = Frame::message(half.clone(), OpCode::Data(code), false);
            client.send(Message::Frame(frame)).await.unwrap();
        }
    })
    .await;
    let (last, bytes) = all.last().unwrap();
    assert_eq!((last.announced, bytes.len()), (120_000_000, 0));
}
