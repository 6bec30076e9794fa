//! A server of another program as tests play it: it dies and lives again at its address, and goes with its test.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use super::ports;

/// It ends with this.
pub struct Serving {
    pub address: SocketAddr,
    router: Router,
    /// `None` while dead.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Serving {
    pub async fn start(router: Router) -> Self {
        // Another process may have taken a port since it was looked at.
        let listener = loop {
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free())).await {
                break listener;
            }
        };
        let address = listener.local_addr().expect("an address");
        let task = Mutex::new(Some(serve(listener, router.clone())));
        Self {
            address,
            router,
            task,
        }
    }

    /// From now on connections are refused, and those that were open are cut.
    pub async fn die(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            // The port is closed when the task is gone; that it was cancelled is no news.
            let _ = task.await;
        }
    }

    /// It lives again, at its old address.
    pub async fn revive(&self) {
        let listener = TcpListener::bind(self.address).await.expect("its port");
        let task = serve(listener, self.router.clone());
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

fn serve(listener: TcpListener, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        // The connections end with the task, which `axum::serve` would not see to.
        let mut connections = JoinSet::new();
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        }
    })
}
