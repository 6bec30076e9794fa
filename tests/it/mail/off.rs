//! A server without a mail server.

use crate::support::server::Server;

on_both_databases!(Server: without_a_mail_server_the_log_says_that_mail_is_off);

async fn without_a_mail_server_the_log_says_that_mail_is_off(server: &Server) {
    let log = server.log();
    assert_eq!(log.matches("mail is off").count(), 1, "{log}");
}
