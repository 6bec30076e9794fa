//! Two nodes make sure of each other: both prove that they know the cluster's secret, by an HMAC over who they are and what both have drawn.

use std::{fmt, io, time::Duration};

use bytes::BytesMut;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use super::store::{NodeId, NodeProcess};
use crate::{
    edge::wire::{self, Nonsense, Read},
    ports::Random,
};

/// What nodes say to each other: older and newer programs that say something else do not understand each other.
const PROTOCOL: u32 = 1;

/// Time for both to say who they are.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// A frame of whoever has proved nothing yet.
const FRAME_BYTES_MAX: usize = 4_096;

/// Characters of what each draws.
const NONCE_CHARS: usize = 32;

/// What all nodes know. The first proves who one is; by any of them others do, so that it can be changed node by node.
#[derive(Clone)]
pub struct ClusterSecrets(pub Vec<String>);

impl fmt::Debug for ClusterSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterSecrets({})", self.0.len())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    protocol: u32,
    from: NodeProcess,
    to: NodeId,
    nonce: String,
    /// Of the second that speaks.
    #[serde(default)]
    proof: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Proof {
    proof: String,
}

/// What both have said, which both prove to have heard.
struct Said<'a> {
    edge: &'a NodeProcess,
    owner: &'a NodeProcess,
    edge_nonce: &'a str,
    owner_nonce: &'a str,
}

impl Said<'_> {
    fn mac(&self, secret: &str, role: &str) -> Hmac<Sha256> {
        let Self { edge, owner, .. } = self;
        // An HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!());
        let said = format!(
            "colloquy\n{PROTOCOL}\n{role}\n{}\n{}\n{}\n{}\n{}\n{}",
            edge.node, edge.incarnation.0, owner.node, owner.incarnation.0, self.edge_nonce, self.owner_nonce
        );
        mac.update(said.as_bytes());
        mac
    }

    fn proof(&self, secrets: &ClusterSecrets, role: &str) -> String {
        let secret = secrets.0.first().map_or("", String::as_str);
        hex::encode(self.mac(secret, role).finalize().into_bytes())
    }

    fn is_proved(&self, secrets: &ClusterSecrets, role: &str, proof: &str) -> bool {
        let Ok(proof) = hex::decode(proof) else {
            return false;
        };
        secrets
            .0
            .iter()
            .any(|secret| self.mac(secret, role).verify_slice(&proof).is_ok())
    }
}

/// What a handshake is made with.
#[derive(Debug, Clone, Copy)]
pub struct NodeCredentials<'a> {
    pub me: &'a NodeProcess,
    pub secrets: &'a ClusterSecrets,
    pub random: &'a dyn Random,
}

fn refused(why: &str) -> io::Error {
    Nonsense(why.to_owned()).into()
}

/// Begins a connection to an owner.
pub async fn dial<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    credentials: NodeCredentials<'_>,
    owner: &NodeProcess,
) -> io::Result<BytesMut> {
    let NodeCredentials { me, secrets, random } = credentials;
    let nonce = random.secret(NONCE_CHARS);
    let mut buffer = BytesMut::new();
    let shaking = async {
        let hello = Hello {
            protocol: PROTOCOL,
            from: me.clone(),
            to: owner.node.clone(),
            nonce: nonce.clone(),
            proof: String::new(),
        };
        send(stream, &hello).await?;
        let theirs: Hello = receive(stream, &mut buffer).await?;
        if theirs.protocol != PROTOCOL || theirs.from != *owner || theirs.to != me.node {
            return Err(refused("it is another node, or speaks otherwise"));
        }
        let said = Said {
            edge: me,
            owner,
            edge_nonce: &nonce,
            owner_nonce: &theirs.nonce,
        };
        if !said.is_proved(secrets, "owner", &theirs.proof) {
            return Err(refused("it does not know the secret of the cluster"));
        }
        let proof = said.proof(secrets, "edge");
        send(stream, &Proof { proof }).await
    };
    timeout(HANDSHAKE, shaking).await??;
    Ok(buffer)
}

/// Answers an edge; who it is.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    credentials: NodeCredentials<'_>,
) -> io::Result<(NodeProcess, BytesMut)> {
    let NodeCredentials { me, secrets, random } = credentials;
    let nonce = random.secret(NONCE_CHARS);
    let mut buffer = BytesMut::new();
    let shaking = async {
        let theirs: Hello = receive(stream, &mut buffer).await?;
        if theirs.protocol != PROTOCOL || theirs.to != me.node || theirs.from.node == me.node {
            return Err(refused("it looks for another node, or speaks otherwise"));
        }
        let said = Said {
            edge: &theirs.from,
            owner: me,
            edge_nonce: &theirs.nonce,
            owner_nonce: &nonce,
        };
        let hello = Hello {
            protocol: PROTOCOL,
            from: me.clone(),
            to: theirs.from.node.clone(),
            nonce: nonce.clone(),
            proof: said.proof(secrets, "owner"),
        };
        send(stream, &hello).await?;
        let proof: Proof = receive(stream, &mut buffer).await?;
        if !said.is_proved(secrets, "edge", &proof.proof) {
            return Err(refused("it does not know the secret of the cluster"));
        }
        Ok(theirs.from)
    };
    let from = timeout(HANDSHAKE, shaking).await??;
    Ok((from, buffer))
}

async fn send<S: AsyncWrite + Unpin, T: Serialize>(stream: &mut S, message: &T) -> io::Result<()> {
    let mut frame = BytesMut::new();
    wire::put_message(&mut frame, message);
    stream.write_all(&frame).await
}

async fn receive<S, T>(stream: &mut S, buffer: &mut BytesMut) -> io::Result<T>
where
    S: AsyncRead + Unpin,
    T: serde::de::DeserializeOwned,
{
    loop {
        match wire::take_frame_up_to(buffer, FRAME_BYTES_MAX)? {
            Some(Read::Message(message)) => return Ok(message),
            Some(_) => return Err(refused("it says something before it has said who it is")),
            None => {}
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cluster::store::Incarnation, ports::SystemRandom};

    fn process(name: &str) -> NodeProcess {
        NodeProcess {
            node: NodeId(name.to_owned()),
            incarnation: Incarnation(7),
        }
    }

    fn secrets(all: &[&str]) -> ClusterSecrets {
        ClusterSecrets(all.iter().map(|secret| (*secret).to_owned()).collect())
    }

    /// What both sides think of it.
    async fn shake(edge: &ClusterSecrets, owner: &ClusterSecrets, looked_for: &str) -> (bool, bool) {
        let (mut one, mut other) = tokio::io::duplex(4_096);
        let (a, b) = (process("a"), process("b"));
        let dialing = async {
            let credentials = NodeCredentials {
                me: &a,
                secrets: edge,
                random: &SystemRandom,
            };
            let dialed = dial(&mut one, credentials, &process(looked_for)).await.is_ok();
            drop(one);
            dialed
        };
        let accepting = async {
            let credentials = NodeCredentials {
                me: &b,
                secrets: owner,
                random: &SystemRandom,
            };
            let accepted = accept(&mut other, credentials).await;
            drop(other);
            accepted.is_ok_and(|(from, _)| from == process("a"))
        };
        tokio::join!(dialing, accepting)
    }

    #[tokio::test]
    async fn both_must_know_a_secret_that_the_other_knows() {
        let (one, two, both) = (secrets(&["one"]), secrets(&["two"]), secrets(&["two", "one"]));
        assert_eq!(shake(&one, &one, "b").await, (true, true));
        assert_eq!(shake(&one, &two, "b").await, (false, false));
        // While it is changed, some know both.
        assert_eq!(shake(&both, &both, "b").await, (true, true));
        assert_eq!(shake(&one, &one, "c").await, (false, false), "another node");
    }

    #[tokio::test]
    async fn who_says_too_much_before_it_is_known_is_not_listened_to() {
        let (mut one, mut other) = tokio::io::duplex(1 << 20);
        one.write_all(&100_000_u32.to_le_bytes())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let me = process("b");
        let credentials = NodeCredentials {
            me: &me,
            secrets: &secrets(&["one"]),
            random: &SystemRandom,
        };
        assert!(accept(&mut other, credentials).await.is_err());
    }
}
