//! What a piece of work says to the database, statement by statement: for tests that count instead of measuring time.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex, Once,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};
use tracing::{
    Event, Id, Instrument as _, Subscriber,
    field::{Field, Visit},
    span::Attributes,
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

/// Until the last thread has let go of the work, far beyond what a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where sqlx tells each statement.
const TARGET: &str = "sqlx::query";
/// The span in which work is listened to.
const SPAN: &str = "listened_to";

static LISTENERS: LazyLock<Mutex<HashMap<u64, Arc<Listener>>>> = LazyLock::new(Mutex::default);

#[derive(Debug, Default)]
struct Listener {
    statements: Mutex<Vec<String>>,
    work_ended: Notify,
}

/// Runs `work` and returns its output and the SQL texts that it sent, in their order: also those of tasks that it waited
/// for in the same span. What sets up a new connection is left out.
pub async fn said<F: Future>(work: F) -> (F::Output, Vec<String>) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    listen();
    let number = NEXT.fetch_add(1, Relaxed);
    let listener = Arc::new(Listener::default());
    let register = || LISTENERS.lock().expect("unpoisoned");
    register().insert(number, Arc::clone(&listener));
    let output = work.instrument(tracing::info_span!(SPAN, number)).await;
    // SQLite's threads tell a statement after they have answered.
    let ended = timeout(DEADLINE, listener.work_ended.notified()).await;
    register().remove(&number);
    let mut statements = listener.statements.lock().expect("unpoisoned").clone();
    statements.retain(|sql| !sql.starts_with("SET ") && !sql.starts_with("PRAGMA "));
    assert!(ended.is_ok(), "something goes on after: {statements:#?}");
    (output, statements)
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = Targets::new()
            .with_target(TARGET, LevelFilter::DEBUG)
            .with_target(module_path!(), LevelFilter::INFO);
        // For the registry itself, not only for its one layer: what the layer does not see would else be made as soon as somebody
        // else in this process listens to it, and a span within the work be the one that SQLite's threads know of.
        let subscriber = tracing_subscriber::registry().with(filter).with(Listening);
        tracing::subscriber::set_global_default(subscriber).expect("the only one of this process");
    });
}

struct Listening;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listening {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let listeners = LISTENERS.lock().expect("unpoisoned");
        let listener = fields.number.and_then(|number| listeners.get(&number));
        if let (Some(listener), Some(span)) = (listener, context.span(id)) {
            span.extensions_mut().insert(Arc::clone(listener));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let spans = context.event_scope(event).into_iter().flatten();
        for span in spans {
            if let Some(listener) = span.extensions().get::<Arc<Listener>>() {
                let mut fields = Fields::default();
                event.record(&mut fields);
                let statements = &mut listener.statements.lock().expect("unpoisoned");
                statements.push(fields.statement());
            }
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id);
        if let Some(listener) = span.as_ref().and_then(|span| {
            let extensions = span.extensions();
            extensions.get::<Arc<Listener>>().cloned()
        }) {
            listener.work_ended.notify_one();
        }
    }
}

/// The fields of spans and events that are looked at.
#[derive(Default)]
struct Fields {
    number: Option<u64>,
    /// The beginning of a statement, or a short one as a whole.
    summary: String,
    /// The whole statement, when it is longer.
    text: String,
}

impl Fields {
    fn statement(self) -> String {
        let text = if self.text.trim().is_empty() {
            self.summary
        } else {
            self.text
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "number" {
            self.number = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.text),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
