//! The whole server and its mail.

use chrono::Utc;
use colloquy::store::{Db, StoreError, outbox};

use super::{due, invitation};
use crate::{
    databases::Kind,
    support::{server::Server, smtp::SmtpServer},
};

on_both_databases!(Mailing:
    a_server_killed_before_the_commit_sends_the_same_mail_once_more,
    a_mail_server_that_puts_mails_off_is_told_once,
    a_mail_server_that_hangs_does_not_keep_a_server_from_stopping,
);

pub(super) struct Mailing {
    pub server: Server,
    pub smtp: SmtpServer,
}

impl Mailing {
    pub async fn start(kind: Kind) -> Self {
        let smtp = SmtpServer::start().await;
        let port = smtp.port.to_string();
        let environment = [
            ("COLLOQUY_MAIL__HOST", "127.0.0.1"),
            ("COLLOQUY_MAIL__PORT", &port),
            ("COLLOQUY_MAIL__TLS", "none"),
            ("COLLOQUY_MAIL__FROM_ADDRESS", "meetings@colloquy.example"),
            ("COLLOQUY_MAIL__WEB_CLIENT_URL", "https://meet.example"),
        ];
        Self {
            server: Server::start_with(kind, &environment).await,
            smtp,
        }
    }

    pub async fn finish(self) {
        self.server.finish().await;
    }

    async fn db(&self) -> Db {
        let db = Db::connect(&self.server.database(), &self.server.data_dir()).await;
        db.expect("a database")
    }

    /// Queues a mail without waking the server, which looks every five seconds.
    async fn enqueue(&self) {
        let db = self.db().await;
        let done: Result<(), StoreError> = db
            .transaction(move |tx| {
                Box::pin(async move {
                    outbox::insert(tx, &due(&[invitation()], Utc::now()), None, Utc::now()).await
                })
            })
            .await;
        done.expect("a transaction");
        db.close().await;
    }
}

async fn a_server_killed_before_the_commit_sends_the_same_mail_once_more(world: &Mailing) {
    let Mailing { server, smtp } = world;
    server.kill9();
    world.enqueue().await;
    smtp.be("hold").await;
    server.restart().await;
    let first = smtp.mail().await;
    server.kill9();
    smtp.be("accept").await;
    // Two minutes later.
    server.set_all_mails_due().await;
    server.restart().await;
    let second = smtp.mail().await;
    assert_eq!(second.header("message-id"), first.header("message-id"));
    assert_eq!(second.header("date"), first.header("date"));
    server.wait_for_log("sent a mail", 1).await;
    server.kill9();
    server.set_all_mails_due().await;
    server.restart().await;
    smtp.expect_nothing().await;
    assert!(server.terminate().await.success());
    assert_eq!(server.warnings(), Vec::<String>::new());
}

async fn a_mail_server_that_puts_mails_off_is_told_once(world: &Mailing) {
    let Mailing { server, smtp } = world;
    let begun = "the mail server puts mails off";
    smtp.be("refuse 535").await;
    world.enqueue().await;
    assert!(smtp.told().await["refused"].is_array());
    server.wait_for_log(begun, 1).await;
    smtp.be("accept").await;
    server.set_all_mails_due().await;
    smtp.mail().await;
    server.wait_for_log("the mail server takes mails again", 1).await;
    assert!(server.terminate().await.success());
    let warnings = server.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains(begun) && warnings[0].contains("535"),
        "{warnings:?}"
    );
}

async fn a_mail_server_that_hangs_does_not_keep_a_server_from_stopping(world: &Mailing) {
    let Mailing { server, smtp } = world;
    server.kill9();
    world.enqueue().await;
    smtp.be("hang").await;
    server.restart().await;
    assert!(smtp.told().await["hanging"].is_array());
    assert!(server.terminate().await.success());
    assert_eq!(server.warnings(), Vec::<String>::new());
}
