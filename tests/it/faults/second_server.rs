//! Two servers on one data folder: only one works.

use std::{
    process::{Child, ExitStatus},
    time::Duration,
};

use serde_json::json;

use super::{Unlimited, assert_works, wait_until};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, participant::Participant, rest::Rest},
};

/// A second server, ended with the test.
struct Second {
    process: Child,
    address: String,
    rest: Rest,
}

impl Second {
    fn start(server: &Unlimited) -> Self {
        let (process, address) = server.spawn_second();
        let rest = Rest::anonymous(&format!("http://{address}"));
        Self {
            process,
            address,
            rest,
        }
    }

    async fn end(&mut self) -> ExitStatus {
        wait_until("the second server ends", async || match self.process.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(other),
        })
        .await;
        self.process.wait().expect("a status")
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_second_server_gives_up_and_the_first_goes_on() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let begin = std::time::Instant::now();
    let mut second = Second::start(&server);
    assert_works(&meeting, &mut alice).await;
    let status = second.end().await;
    assert_eq!(status.code(), Some(1));
    // It has waited for a server that might have been just ending.
    assert!(begin.elapsed() > Duration::from_secs(10), "{:?}", begin.elapsed());
    let log = server.log();
    let error = log
        .lines()
        .find(|line| line.contains("another server works with this database"));
    assert!(error.is_some(), "{log}");
    assert_works(&meeting, &mut alice).await;
    server.finish().await;
}

#[tokio::test]
async fn a_second_server_takes_over_from_one_that_ends() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    alice.say("before").await;
    let second = Second::start(&server);
    assert!(server.terminate().await.success());
    assert_eq!(alice.close_code().await, Some(1001));
    wait_until("the second server is ready", async || {
        let ready = second
            .rest
            .request(reqwest::Method::GET, "/health/ready")
            .send()
            .await;
        match ready {
            Ok(answer) if answer.status().is_success() => Ok(()),
            other => Err(other.map_err(|error| error.to_string())),
        }
    })
    .await;
    let body = json!({"invite_code": meeting.invite_code, "resumption": null});
    let path = meeting.path("/start_invited");
    let ticket = second.rest.post(&path, body).await.expect(200);
    let mut bob = Participant::connect(&second.address, &ticket).await;
    let joined = bob.join("Bob").await;
    assert_eq!(joined["chat"]["room_history"]["messages"][0]["content"], "before");
}
