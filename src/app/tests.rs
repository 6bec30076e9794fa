use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};

use super::*;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn config(folder: &tempfile::TempDir, listen: SocketAddr) -> Config {
    let mut config = Config {
        data_dir: Some(folder.path().join("data")),
        ..Config::default()
    };
    config.http.listen = listen;
    config
}

/// Asks on a connection of its own and returns the whole answer.
async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn two_servers_run_side_by_side_and_stop_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut servers = Vec::new();
    for name in ["a", "b"] {
        let (listener, address) = listener().await;
        let mut config = config(&folder, address);
        config.data_dir = Some(folder.path().join(name));
        let app = App::build(config).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(app.serve(listener, std::future::pending(), async {
            let _ = stopped.await;
        }));
        servers.push((address, stop, task));
    }
    for (address, ..) in &servers {
        let discovery = ask(*address, "/dev-issuer/.well-known/openid-configuration").await;
        let issuer = format!("\"http://{address}/dev-issuer\"");
        assert!(discovery.contains(&issuer), "{discovery}");
        let answer = ask(*address, "/health/ready").await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("x-request-id"),
            "{answer}"
        );
    }
    for (address, stop, task) in servers {
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}

#[tokio::test]
async fn while_hooks_run_the_server_answers_that_it_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, address) = listener().await;
    let mut app = App::build(config(&folder, address)).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (answered, answer) = oneshot::channel();
    app.on_stop("first", {
        let order = Arc::clone(&order);
        async move {
            order.lock().unwrap().push("first");
            let _ = answered.send(ask(address, "/health/ready").await);
        }
    });
    app.on_stop("second", {
        let order = Arc::clone(&order);
        async move { order.lock().unwrap().push("second") }
    });
    app.serve(listener, std::future::pending(), async {})
        .await
        .unwrap();
    let answer = answer.await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("stopping"),
        "{answer}"
    );
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn hooks_that_hang_share_six_seconds() {
    let started = Instant::now();
    let virtual_start = tokio::time::Instant::now();
    run_hooks(vec![
        ("hangs", Box::pin(std::future::pending())),
        ("hangs too", Box::pin(std::future::pending())),
    ])
    .await;
    assert_eq!(virtual_start.elapsed(), Duration::from_secs(HOOKS_SECS_MAX));
    assert!(started.elapsed() < Duration::from_secs(HOOKS_SECS_MAX));
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_is_an_error_at_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file").unwrap();
    let (_listener, address) = listener().await;
    let error = App::build(config(&folder, address)).await.unwrap_err();
    assert!(matches!(error, BuildError::DataFolder(_)), "{error}");
}
