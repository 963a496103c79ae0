//! What a child sends: the test connects in place of a process that only sleeps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap_services::database::Database;
use bootstrap_services::processes::{
    ChildEvent, Definition, ProcessError, ProcessEvent, ProcessId, ProcessStatus,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::support::{Kit, execute, next, sh, until, within};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn sleeper() -> Definition {
    sh("exec sleep 1000")
}

/// A connection of a child.
struct Child {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Child {
    async fn raw(kit: &Kit, id: ProcessId) -> Self {
        let stream = UnixStream::connect(kit.socket(id)).await.unwrap();
        let (reader, writer) = stream.into_split();
        let lines = BufReader::new(reader).lines();
        Self { lines, writer }
    }

    async fn hello(kit: &Kit, id: ProcessId, first: u64, last: u64) -> Self {
        let mut child = Self::raw(kit, id).await;
        let token = kit.token(id).await;
        let hello = json!({ "type": "connected", "token": token, "first": first, "last": last });
        child.send(&hello).await;
        child
    }

    /// Returns the child once it is welcome, and the number that was acknowledged.
    async fn welcome(kit: &Kit, id: ProcessId, first: u64, last: u64) -> (Self, u64) {
        let mut child = Self::hello(kit, id, first, last).await;
        let message = child.read().await.expect("welcome");
        assert_eq!(message["type"], "welcome");
        (child, message["acknowledged"].as_u64().unwrap())
    }

    async fn new(kit: &Kit, id: ProcessId) -> Self {
        Self::welcome(kit, id, 1, 0).await.0
    }

    async fn write(&mut self, bytes: &[u8]) {
        // An error is that the service has closed the connection, which the test reads.
        let _ = within(self.writer.write_all(bytes)).await;
    }

    async fn send(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes()).await;
    }

    async fn event(&mut self, seq: u64) {
        let event = json!({ "type": "event", "seq": seq, "event": "tick", "data": seq });
        self.send(&event).await;
    }

    async fn read(&mut self) -> Option<Value> {
        let line = within(self.lines.next_line()).await.ok()??;
        Some(serde_json::from_str(&line).unwrap())
    }

    async fn acknowledged(&mut self, seq: u64) {
        loop {
            let message = self.read().await.expect("an acknowledgement");
            assert_eq!(message["type"], "acknowledged");
            if message["seq"] == seq {
                return;
            }
        }
    }

    async fn is_closed(&mut self) -> bool {
        self.read().await.is_none()
    }
}

/// Notes the numbers of events.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u64>>>);

impl Seen {
    fn add(&self, event: &ChildEvent) {
        self.0.lock().unwrap().push(event.seq);
    }

    fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

async fn noting() -> (Kit, ProcessId, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let kit = Kit::one(sleeper().on_event(move |event| {
        noted.add(&event);
        async { Ok(()) }
    }))
    .await;
    let id = kit.spawn().await;
    (kit, id, seen)
}

#[tokio::test]
async fn events_are_handled_in_their_order_and_acknowledged() {
    let (kit, id, seen) = noting().await;
    let mut events = kit.processes.events();
    let mut child = Child::new(&kit, id).await;
    for seq in 1..=200 {
        child.event(seq).await;
    }
    child.acknowledged(200).await;
    assert_eq!(seen.all(), (1..=200).collect::<Vec<_>>());
    let info = kit.info(id).await;
    assert!(info.connected && info.acknowledged == 200, "{info:?}");
    let first = next(&mut events, |event| match event {
        ProcessEvent::Emitted(event) => Some(event),
        _ => None,
    });
    let first = first.await;
    assert_eq!(
        (first.event.as_str(), first.data::<u8>().unwrap()),
        ("tick", 1)
    );
    drop(child);
    kit.close().await;
}

/// A fault of the original: a child that connected again had lost what it emitted meanwhile.
#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_and_handled_once() {
    let (kit, id, seen) = noting().await;
    let mut child = Child::new(&kit, id).await;
    child.event(1).await;
    child.event(2).await;
    child.acknowledged(2).await;
    drop(child);
    // It has not read the last acknowledgement.
    let (mut child, acknowledged) = Child::welcome(&kit, id, 2, 3).await;
    assert_eq!(acknowledged, 2);
    child.event(2).await;
    child.event(3).await;
    child.acknowledged(3).await;
    assert_eq!(seen.all(), [1, 2, 3]);
    drop(child);
    kit.close().await;
}

/// A fault of the original: anything that could connect was the child.
#[tokio::test]
async fn a_wrong_token_is_closed_and_no_token_is_in_the_log() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone());
    let _log = tracing::subscriber::set_default(subscriber.finish());
    let (kit, id, seen) = noting().await;
    let token = kit.token(id).await;
    let other = token.replace(&token[..1], "z");
    for wrong in ["", "x", &token[1..], &other] {
        let mut child = Child::raw(&kit, id).await;
        let hello = json!({ "type": "connected", "token": wrong, "first": 1, "last": 0 });
        child.send(&hello).await;
        child.event(1).await;
        assert!(child.is_closed().await, "{wrong}");
    }
    assert!(seen.all().is_empty());
    assert!(!kit.info(id).await.connected);
    let text = log.text();
    assert_eq!(text.matches("it sent a wrong token").count(), 4, "{text}");
    assert!(
        !text.contains(&token[1..]) && !text.contains(&other),
        "{text}"
    );
    kit.close().await;
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_connection_that_does_not_begin_with_a_token_is_closed() {
    let (kit, id, seen) = noting().await;
    for garbage in [
        &b"hello\n"[..],
        b"\xff\xfe\n",
        b"{\"type\":\"heartbeat\"}\n",
        b"{\"type\":\"event\",\"seq\":1,\"event\":\"a\"}\n",
        b"\n",
    ] {
        let mut child = Child::raw(&kit, id).await;
        child.write(garbage).await;
        assert!(child.is_closed().await, "{garbage:?}");
    }
    // None of them keeps the child out, nor do many that send nothing.
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(Child::raw(&kit, id).await);
    }
    let mut child = Child::new(&kit, id).await;
    child.event(1).await;
    child.acknowledged(1).await;
    assert_eq!(seen.all(), [1]);
    drop((child, silent));
    kit.close().await;
}

#[tokio::test]
async fn garbage_after_events_closes_the_connection_and_loses_none_of_them() {
    let (kit, id, seen) = noting().await;
    let long = format!(
        "{{\"type\":\"heartbeat\",\"x\":\"{}\"}}\n",
        "x".repeat(1 << 20)
    );
    for (last, garbage) in [
        (2, &b"garbage\n"[..]),
        (4, b"{\"type\":\"event\",\"seq\":\"\xff\"}\n"),
        (6, b"{\"type\":\"unknown\"}\n"),
        (8, long.as_bytes()),
    ] {
        let (mut child, _) = Child::welcome(&kit, id, last - 1, last).await;
        child.event(last - 1).await;
        child.event(last).await;
        child.write(garbage).await;
        while !child.is_closed().await {}
        until("the events are handled", || seen.all().len() as u64 == last).await;
        let error = kit.processes.check().await.unwrap_err().to_string();
        assert!(
            error.starts_with("a connection of `one` was closed: "),
            "{error}"
        );
    }
    assert_eq!(seen.all(), (1..=8).collect::<Vec<_>>());
    let (child, acknowledged) = Child::welcome(&kit, id, 9, 8).await;
    drop(child);
    assert_eq!(acknowledged, 8);
    kit.close().await;
}

#[tokio::test]
async fn a_line_that_is_cut_is_no_event() {
    let (kit, id, seen) = noting().await;
    let mut child = Child::new(&kit, id).await;
    child.event(1).await;
    child.write(b"{\"type\":\"event\",\"seq\":2,").await;
    drop(child);
    let (mut child, acknowledged) = Child::welcome(&kit, id, 1, 2).await;
    for seq in acknowledged + 1..=2 {
        child.event(seq).await;
    }
    child.acknowledged(2).await;
    assert_eq!(seen.all(), [1, 2]);
    drop(child);
    kit.close().await;
}

#[tokio::test]
async fn an_event_that_is_missing_closes_the_connection() {
    let (kit, id, seen) = noting().await;
    let mut child = Child::new(&kit, id).await;
    child.event(1).await;
    child.event(3).await;
    while !child.is_closed().await {}
    assert_eq!(seen.all(), [1]);
    drop(child);
    kit.close().await;
}

#[tokio::test]
async fn a_client_that_counts_anew_is_refused() {
    let (kit, id, _) = noting().await;
    let mut child = Child::new(&kit, id).await;
    child.event(1).await;
    child.event(2).await;
    child.acknowledged(2).await;
    let mut other = Child::hello(&kit, id, 1, 1).await;
    assert!(other.is_closed().await);
    drop(child);
    kit.close().await;
}

/// As with a database that was restored from an older copy.
#[tokio::test]
async fn events_that_the_service_has_forgotten_do_not_stop_the_next_ones() {
    let (kit, id, seen) = noting().await;
    let (mut child, acknowledged) = Child::welcome(&kit, id, 11, 11).await;
    assert_eq!(acknowledged, 10);
    child.event(11).await;
    child.acknowledged(11).await;
    assert_eq!(seen.all(), [11]);
    drop(child);
    kit.close().await;
}

#[tokio::test]
async fn a_new_connection_replaces_the_last_one() {
    let (kit, id, seen) = noting().await;
    let mut first = Child::new(&kit, id).await;
    let mut second = Child::new(&kit, id).await;
    assert!(first.is_closed().await);
    second.event(1).await;
    second.acknowledged(1).await;
    assert_eq!(seen.all(), [1]);
    drop(second);
    kit.close().await;
}

#[tokio::test]
async fn a_restarted_process_counts_from_1_with_another_token() {
    let (kit, id, seen) = noting().await;
    let mut child = Child::new(&kit, id).await;
    child.event(1).await;
    child.acknowledged(1).await;
    let old = kit.token(id).await;
    drop(child);
    within(kit.processes.restart(id)).await.unwrap();
    let mut stale = Child::raw(&kit, id).await;
    let hello = json!({ "type": "connected", "token": old, "first": 2, "last": 1 });
    stale.send(&hello).await;
    assert!(stale.is_closed().await);
    let mut child = Child::new(&kit, id).await;
    child.event(1).await;
    child.acknowledged(1).await;
    assert_eq!(seen.all(), [1, 1]);
    drop(child);
    kit.close().await;
}

/// D69: commands with typed data.
#[tokio::test]
async fn commands_are_sent_in_their_order() {
    let (kit, id, _) = noting().await;
    let mut child = Child::new(&kit, id).await;
    until("connected", || kit.processes.list()[0].connected).await;
    kit.processes
        .send(id, "first", &json!({ "a": "\n" }))
        .unwrap();
    kit.processes.send(id, "second", &(1, "x")).unwrap();
    let first = json!({ "type": "command", "name": "first", "data": { "a": "\n" } });
    assert_eq!(child.read().await, Some(first));
    let second = json!({ "type": "command", "name": "second", "data": [1, "x"] });
    assert_eq!(child.read().await, Some(second));
    child.send(&json!({ "type": "disconnecting" })).await;
    assert!(child.is_closed().await);
    until("disconnected", || !kit.processes.list()[0].connected).await;
    drop(child);
    kit.close().await;
}

#[tokio::test]
async fn a_child_that_reads_nothing_does_not_hold_up_the_service() {
    let (kit, id, seen) = noting().await;
    let mut child = Child::new(&kit, id).await;
    until("connected", || kit.processes.list()[0].connected).await;
    let large = "x".repeat(1 << 19);
    let error = loop {
        match kit.processes.send(id, "a", &large) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ProcessError::NotReading { .. }), "{error}");
    child.event(1).await;
    until("the event is handled", || seen.all() == [1]).await;
    drop(child);
    kit.close().await;
}

#[tokio::test]
async fn an_event_whose_handler_fails_is_handled_again_and_keeps_the_others_waiting() {
    let seen = Seen::default();
    let fails = Arc::new(Mutex::new(true));
    let (noted, failing) = (seen.clone(), fails.clone());
    let kit = Kit::one(sleeper().on_event(move |event| {
        let result = if event.seq == 3 && *failing.lock().unwrap() {
            Err(anyhow::anyhow!("the disk is on fire"))
        } else {
            noted.add(&event);
            Ok(())
        };
        async { result }
    }))
    .await;
    let id = kit.spawn().await;
    let mut child = Child::new(&kit, id).await;
    for seq in 1..=4 {
        child.event(seq).await;
    }
    child.acknowledged(2).await;
    until("it is unhealthy", || {
        kit.processes.list()[0].acknowledged == 2
    })
    .await;
    let error = within(async {
        loop {
            match kit.processes.check().await {
                Ok(()) => tokio::task::yield_now().await,
                Err(error) => break error.to_string(),
            }
        }
    });
    let expected = "events of `one` are not handled: the disk is on fire";
    assert_eq!(error.await, expected);
    *fails.lock().unwrap() = false;
    child.acknowledged(4).await;
    assert_eq!(seen.all(), [1, 2, 3, 4]);
    until("it is healthy", || {
        kit.processes.list()[0].acknowledged == 4
    })
    .await;
    drop(child);
    kit.close().await;
}

#[tokio::test]
async fn a_handler_is_not_called_again_while_only_the_acknowledgement_fails() {
    let (kit, id, seen) = noting().await;
    execute(
        &kit.database,
        "CREATE TRIGGER unwritable BEFORE UPDATE OF acknowledged ON _processes WHEN NEW.acknowledged > 0
        BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END",
    )
    .await;
    let mut child = Child::new(&kit, id).await;
    for seq in 1..=3 {
        child.event(seq).await;
    }
    within(async {
        while seen.all().len() < 3 || kit.processes.check().await.is_ok() {
            tokio::time::sleep(MILLI).await;
        }
    })
    .await;
    // A new connection sends them again.
    let (mut other, acknowledged) = Child::welcome(&kit, id, 1, 3).await;
    assert_eq!(acknowledged, 0);
    execute(&kit.database, "DROP TRIGGER unwritable").await;
    for seq in 1..=4 {
        other.event(seq).await;
    }
    other.acknowledged(4).await;
    assert_eq!(seen.all(), [1, 2, 3, 4]);
    drop((child, other));
    kit.close().await;
}

#[tokio::test]
async fn a_handler_that_panics_has_failed() {
    let panics = Arc::new(Mutex::new(true));
    let panicking = panics.clone();
    let kit = Kit::one(sleeper().on_event(move |_| {
        let panics = std::mem::take(&mut *panicking.lock().unwrap());
        async move {
            assert!(!panics, "the first time");
            Ok(())
        }
    }))
    .await;
    let id = kit.spawn().await;
    let mut child = Child::new(&kit, id).await;
    child.event(1).await;
    child.acknowledged(1).await;
    assert!(!*panics.lock().unwrap());
    drop(child);
    kit.close().await;
}

async fn create_table(database: &Database) {
    let create = "CREATE TABLE IF NOT EXISTS ticks (seq INTEGER NOT NULL)";
    execute(database, create).await;
}

async fn ticks(database: &Database) -> Vec<i64> {
    let select = sqlx::query_scalar("SELECT seq FROM ticks ORDER BY rowid");
    select.fetch_all(database.read()).await.unwrap()
}

/// What a handler writes and the acknowledgement are one transaction.
#[tokio::test]
async fn an_event_whose_transaction_fails_leaves_nothing() {
    let failures = Arc::new(Mutex::new(2));
    let failing = failures.clone();
    let kit = Kit::one(sleeper().on_event_in(move |event, mut tx| {
        let failures = failing.clone();
        async move {
            let insert =
                sqlx::query("INSERT INTO ticks VALUES (?)").bind(i64::try_from(event.seq)?);
            insert.execute(&mut *tx).await?;
            let mut failures = failures.lock().unwrap();
            if event.seq == 3 && *failures > 0 {
                *failures -= 1;
                anyhow::bail!("not yet");
            }
            Ok(())
        }
    }))
    .await;
    create_table(&kit.database).await;
    let id = kit.spawn().await;
    let mut child = Child::new(&kit, id).await;
    let mut batch = Vec::new();
    for seq in 1..=5 {
        let event = json!({ "type": "event", "seq": seq, "event": "tick", "data": seq });
        batch.extend(format!("{event}\n").into_bytes());
    }
    child.write(&batch).await;
    child.acknowledged(5).await;
    assert_eq!(ticks(&kit.database).await, [1, 2, 3, 4, 5]);
    assert_eq!(*failures.lock().unwrap(), 0);
    drop(child);
    kit.close().await;
}

/// A handler that waits is no fault of the child.
#[tokio::test]
async fn a_slow_handler_is_no_missed_heartbeat() {
    let kit = Kit::one(sleeper().heartbeat(SECOND).on_event(async |_| {
        tokio::time::sleep(5 * SECOND / 2).await;
        Ok(())
    }))
    .await;
    let id = kit.spawn().await;
    let mut child = Child::new(&kit, id).await;
    let mut events = kit.processes.events();
    child.event(1).await;
    child.acknowledged(1).await;
    drop(child);
    let mut kinds = Vec::new();
    loop {
        match within(events.next()).await.unwrap() {
            ProcessEvent::HeartbeatMissed { .. } => break,
            ProcessEvent::Emitted(event) => kinds.push(event.seq),
            _ => {}
        }
    }
    assert_eq!(kinds, [1]);
    kit.stop(id).await.unwrap();
    kit.close().await;
}

#[tokio::test]
async fn heartbeats_keep_a_process_alive() {
    let kit = Kit::one(sleeper().heartbeat(SECOND)).await;
    let id = kit.spawn().await;
    let pid = kit.pid(id).await;
    let mut child = Child::new(&kit, id).await;
    let mut events = kit.processes.events();
    let began = std::time::Instant::now();
    // Silence would be the end after two seconds.
    while began.elapsed() < 5 * SECOND / 2 {
        child.send(&json!({ "type": "heartbeat" })).await;
        tokio::time::sleep(50 * MILLI).await;
    }
    assert_eq!(kit.pid(id).await, pid);
    next(&mut events, |event| {
        matches!(event, ProcessEvent::HeartbeatMissed { .. }).then_some(())
    })
    .await;
    child.send(&json!({ "type": "heartbeat" })).await;
    within(async {
        while kit.processes.check().await.is_err() {
            tokio::time::sleep(MILLI).await;
        }
    })
    .await;
    assert_eq!(kit.info(id).await.status, ProcessStatus::Running);
    drop(child);
    kit.close().await;
}
