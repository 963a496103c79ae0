//! A log that can be read.

use std::fmt;
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber, span};

use crate::Trace;

/// Adds what `bootstrap` logs on this thread to a trace until the guard is dropped: events as
/// `WARN the message`, spans as `span load plugin=a`.
pub fn log_to(trace: &Trace) -> DefaultGuard {
    // As long as there is a single subscriber, whoever comes to a place in the code first decides
    // whether anybody listens there: another test, on a thread that nobody listens to. With two
    // of them, both are asked.
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(Log(Sink::Trace(Trace::new()))));
    tracing::subscriber::set_default(Log(Sink::Trace(trace.clone())))
}

/// Prints what `bootstrap` logs anywhere in this process, if the environment asks for it.
///
/// # Panics
///
/// If the process has a subscriber already.
pub fn log_if_asked() {
    if std::env::var_os("LOG_TO_STDOUT").is_some() {
        let printed = tracing::subscriber::set_global_default(Log(Sink::Stdout));
        printed.expect("no other subscriber");
    }
}

/// Takes what is logged.
struct Log(Sink);

enum Sink {
    Trace(Trace),
    Stdout,
}

impl Sink {
    fn add(&self, line: String) {
        match self {
            Self::Trace(trace) => trace.add(line),
            Self::Stdout => println!("{line}"),
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bootstrap")
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut line = format!("span {}", span.metadata().name());
        span.record(&mut Words(&mut line));
        self.0.add(line);
        span::Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut Words(&mut line));
        self.0.add(line);
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Appends the message as it is, and every other field with its name.
struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let word = match field.name() {
            "message" => format!(" {value:?}"),
            name => format!(" {name}={value:?}"),
        };
        self.0.push_str(&word);
    }
}
