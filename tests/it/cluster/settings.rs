//! What several servers can't have in common is refused at the start.

use crate::{
    databases::Kind,
    support::{nodes::Nodes, ports, server::Server},
};

#[tokio::test]
async fn a_single_server_and_nodes_do_not_share_a_database() {
    let nodes = Nodes::start(1).await;
    let url = nodes.database.url.to_string();
    // Another one without a cluster finds the database taken.
    let single = Server::start_with(Kind::Sqlite, &[]).await;
    let output = single.invoke(&["config", "check"]);
    assert!(output.status.success());
    let taken = single.run_beside(&[("COLLOQUY_DATABASE__URL", &url)]).await;
    assert!(
        taken.contains("another server works with this database"),
        "{taken}"
    );
}

#[tokio::test]
async fn a_name_that_lives_is_refused() {
    let nodes = Nodes::start(1).await;
    let listen = format!("127.0.0.1:{}", ports::free());
    let twin = nodes.all[0]
        .run_beside(&[("COLLOQUY_CLUSTER__LISTEN", &listen)])
        .await;
    assert!(twin.contains("another process is the node `n0`"), "{twin}");
}
