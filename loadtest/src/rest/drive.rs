//! Asks the same again and again on several connections.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;
use url::Url;

use super::RestError;
use crate::{
    api::seem_from,
    figures::ratio,
    flow::{Flow, Latencies, float},
    forwarded::ForwardedFor,
    process::{Observer, ServerCost},
    report::Errors,
};

/// Before anything is counted: connections are made, statements prepared.
const WARM_UP: Duration = Duration::from_millis(500);

/// What is asked.
#[derive(Clone)]
pub struct Request {
    pub bearer: Option<String>,
    pub method: Method,
    /// Asked in turn, at least one.
    pub urls: Vec<Url>,
    pub timeout: Duration,
    /// Each connection is a client.
    pub forwarded_for: ForwardedFor,
}

impl Request {
    /// The `n`th of one connection that seems to come `from` there.
    fn build(&self, client: &Client, n: usize, from: Option<IpAddr>) -> RequestBuilder {
        let url = self.urls[n % self.urls.len()].clone();
        let mut request = client.request(self.method.clone(), url);
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        if self.method == Method::POST {
            request = request.json(&json!({}));
        }
        seem_from(request, from)
    }
}

/// What came of it.
pub struct Driven {
    pub flow: Flow,
    /// `None` when no process is observed.
    pub cost: Option<ServerCost>,
    pub errors: Errors,
}

impl Driven {
    pub fn requests_per_cpu_second(&self) -> Option<f64> {
        ratio(float(self.flow.count), self.cost?.cpu_seconds)
    }
}

/// Asks for this long on so many connections; each waits for its answer before it asks again. Times and CPU time
/// count from the end of the warming up, failures from the beginning.
pub async fn drive(
    request: Request,
    connections: u32,
    duration: Duration,
    observer: Observer,
) -> Result<Driven, RestError> {
    let (_, mut errors, _) = ask(&request, connections, WARM_UP).await?;
    let before = observer.look()?;
    let (latencies, failures, span) = ask(&request, connections, duration).await?;
    let cost = observer.since(before)?;
    errors.merge(failures);
    Ok(Driven {
        flow: latencies.flow(span),
        cost,
        errors,
    })
}

async fn ask(
    request: &Request,
    connections: u32,
    duration: Duration,
) -> Result<(Latencies, Errors, Duration), RestError> {
    let begin = Instant::now();
    let end = begin + duration;
    let mut askers = JoinSet::new();
    for first in 0..connections as usize {
        askers.spawn(ask_on_one(request.clone(), first, end));
    }
    let (mut latencies, mut errors) = (Latencies::new(), Errors::default());
    while let Some(asker) = askers.join_next().await {
        let (some, failures) = asker?;
        latencies.extend(some);
        errors.merge(failures);
    }
    Ok((latencies, errors, begin.elapsed()))
}

async fn ask_on_one(request: Request, first: usize, end: Instant) -> (Vec<Duration>, Errors) {
    let (mut latencies, mut errors) = (Vec::new(), Errors::default());
    let client = Client::builder()
        .timeout(request.timeout)
        .tcp_nodelay(true)
        .build();
    let Ok(client) = client else {
        errors.add("no HTTP client");
        return (latencies, errors);
    };
    let from = request.forwarded_for.address(first as u64);
    for n in first.. {
        let begin = Instant::now();
        if begin >= end {
            break;
        }
        match request.build(&client, n, from).send().await {
            Ok(answer) if answer.status().is_success() => match answer.bytes().await {
                Ok(_) => latencies.push(begin.elapsed()),
                Err(_) => errors.add("an answer broke off"),
            },
            Ok(answer) => errors.add(answer.status().to_string()),
            Err(_) => errors.add("no answer"),
        }
    }
    (latencies, errors)
}
