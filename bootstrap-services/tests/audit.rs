//! The audit log.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::{Duration, SystemTime};

use bootstrap::prelude::*;
use bootstrap_services::audit::{Audit, AuditError, AuditPlugin, Entry, Filter};
use bootstrap_services::clock::VirtualClock;
use bootstrap_services::database::{Database, DatabaseError, DatabasePlugin};
use serde_json::json;

const DAY: Duration = Duration::from_hours(24);

struct Kit {
    running: bootstrap::Running,
    time: VirtualClock,
    audit: Audit,
    database: Database,
}

impl Kit {
    async fn new() -> Self {
        let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH + 1_000 * DAY);
        let app = App::new()
            .supply(time.clock())
            .with(DatabasePlugin::memory());
        let running = app.with(AuditPlugin::default()).boot().await.unwrap();
        let audit = running.try_get::<State<Audit>>().unwrap();
        let database = running.try_get::<State<Database>>().unwrap();
        let (audit, database) = (Audit::clone(&audit), Database::clone(&database));
        Self {
            running,
            time,
            audit,
            database,
        }
    }

    async fn record(&self, action: &str) {
        self.audit.record(Entry::new(action)).await.unwrap();
    }

    async fn actions(&self, filter: Filter) -> Vec<String> {
        let page = self.audit.query(&filter).await.unwrap();
        page.entries.into_iter().map(|entry| entry.action).collect()
    }

    async fn execute(&self, sql: &'static str) -> Result<(), DatabaseError> {
        let write = self.database.write(async |mut tx| {
            sqlx::query(sql).execute(&mut *tx).await?;
            Ok(())
        });
        write.await
    }

    async fn close(self) {
        tokio::time::timeout(Duration::from_secs(10), self.running.close())
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn an_entry_has_what_was_recorded() {
    let kit = Kit::new().await;
    let entry = Entry::new("user.update").actor(1).target("user", 7);
    let entry = entry.diff(&json!({ "a": 1, "b": 2 }), &json!({ "a": 1, "b": 3 }));
    kit.audit
        .record(entry.detail("reason", &"ä'\""))
        .await
        .unwrap();
    let page = kit.audit.query(&Filter::new()).await.unwrap();
    let [entry] = &page.entries[..] else {
        panic!("{page:?}")
    };
    assert_eq!(
        (entry.id, entry.action.as_str(), entry.actor.as_deref()),
        (1, "user.update", Some("1"))
    );
    assert_eq!(
        (entry.target_kind.as_deref(), entry.target.as_deref()),
        (Some("user"), Some("7"))
    );
    assert_eq!(
        entry.details,
        json!({ "changed": { "b": [2, 3] }, "reason": "ä'\"" })
    );
    assert_eq!(
        (entry.at, page.next),
        (SystemTime::UNIX_EPOCH + 1_000 * DAY, None)
    );
    kit.close().await;
}

#[tokio::test]
async fn an_entry_is_part_of_the_transaction() {
    let kit = Kit::new().await;
    let mut tx = kit.database.begin().await.unwrap();
    kit.audit
        .record_in(&mut tx, Entry::new("undone"))
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    let mut tx = kit.database.begin().await.unwrap();
    kit.audit
        .record_in(&mut tx, Entry::new("done"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(kit.actions(Filter::new()).await, ["done"]);
    kit.close().await;
}

#[tokio::test]
async fn the_database_refuses_to_change_the_log() {
    let kit = Kit::new().await;
    kit.record("kept").await;
    let error = kit
        .execute("UPDATE _audit SET action = 'changed'")
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("entries of the audit log can't be changed"),
        "{error}"
    );
    let error = kit.execute("DELETE FROM _audit").await.unwrap_err();
    assert!(
        error.to_string().contains("before `audit.keep` has passed"),
        "{error}"
    );
    kit.time.advance(30 * DAY).await;
    kit.execute("DELETE FROM _audit").await.unwrap_err();
    kit.execute("INSERT OR REPLACE INTO _audit (id, at, action) VALUES (1, 0, 'replaced')")
        .await
        .ok();
    assert_eq!(kit.actions(Filter::new()).await, ["kept"]);
    kit.close().await;
}

/// D52: kept for 90 days.
#[tokio::test]
async fn entries_are_deleted_after_90_days() {
    let kit = Kit::new().await;
    kit.record("old").await;
    kit.time.advance(DAY).await;
    kit.record("young").await;
    kit.time.advance(88 * DAY + Duration::from_hours(23)).await;
    assert_eq!(kit.actions(Filter::new()).await, ["young", "old"]);
    kit.time.advance(Duration::from_hours(2)).await;
    assert_eq!(kit.actions(Filter::new()).await, ["young"]);
    kit.close().await;
}

#[tokio::test]
async fn many_old_entries_are_deleted_in_several_transactions() {
    let kit = Kit::new().await;
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2500)
        INSERT INTO _audit (at, action) SELECT 0, 'old' FROM n";
    kit.execute(many).await.unwrap();
    assert_eq!(kit.audit.purge().await.unwrap(), 2_500);
    kit.close().await;
}

#[tokio::test]
async fn a_query_is_filtered_and_paged() {
    let kit = Kit::new().await;
    for (action, actor, target) in [
        ("user.create", "a", 1),
        ("user.delete", "b", 1),
        ("order.create", "a", 2),
    ] {
        let kind = action.split_once('.').unwrap().0;
        let entry = Entry::new(action).actor(actor).target(kind, target);
        kit.audit.record(entry).await.unwrap();
        kit.time.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(
        kit.actions(Filter::new().actor("a")).await,
        ["order.create", "user.create"]
    );
    assert_eq!(
        kit.actions(Filter::new().actions("user.")).await,
        ["user.delete", "user.create"]
    );
    assert_eq!(
        kit.actions(Filter::new().action("user.create")).await,
        ["user.create"]
    );
    assert_eq!(
        kit.actions(Filter::new().target("user", 1).actor("b"))
            .await,
        ["user.delete"]
    );
    assert_eq!(
        kit.actions(Filter::new().target_kind("order")).await,
        ["order.create"]
    );
    let second = SystemTime::UNIX_EPOCH + 1_000 * DAY + Duration::from_secs(1);
    assert_eq!(
        kit.actions(Filter::new().since(second)).await,
        ["order.create", "user.delete"]
    );
    assert_eq!(
        kit.actions(Filter::new().until(second)).await,
        ["user.create"]
    );
    assert_eq!(
        kit.actions(Filter::new().actor("%")).await,
        Vec::<String>::new()
    );

    let first = kit.audit.query(&Filter::new().limit(2)).await.unwrap();
    assert_eq!((first.entries.len(), first.next), (2, Some(2)));
    let rest = kit
        .audit
        .query(&Filter::new().limit(2).page(2))
        .await
        .unwrap();
    assert_eq!((rest.entries.len(), rest.next), (1, None));
    kit.close().await;
}

#[tokio::test]
async fn a_bad_entry_is_refused() {
    let kit = Kit::new().await;
    for action in ["", "  ", &"a".repeat(201)] {
        let error = kit.audit.record(Entry::new(action)).await.unwrap_err();
        assert!(matches!(error, AuditError::InvalidAction { .. }), "{error}");
    }
    let large = Entry::new("a").detail("text", &"x".repeat(64 << 10));
    let error = kit.audit.record(large).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "an audit entry `a` has 65548 bytes, more than 65536: record what changed, and not the whole value"
    );
    // `a`, and `{"text":""}` around the text.
    let largest = Entry::new("a").detail("text", &"x".repeat((64 << 10) - 12));
    kit.audit.record(largest).await.unwrap();
    let keys = std::collections::HashMap::from([([1_u8], 1)]);
    let error = kit
        .audit
        .record(Entry::new("a").detail("keys", &keys))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the detail `keys` of an audit entry `a` can't be written as JSON"
    );
    kit.close().await;

    let plugin = AuditPlugin::default().keep(Duration::ZERO);
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
    let app = App::new()
        .supply(time.clock())
        .with(DatabasePlugin::memory())
        .with(plugin);
    let text = app.boot().await.unwrap_err().render();
    assert!(text.contains("`audit.keep` is 0ns"), "{text}");
}

#[cfg(feature = "web")]
mod web {
    use bootstrap_web::prelude::*;
    use bootstrap_web::{AccessLog, ProxiesPlugin};

    use super::*;

    async fn delete(database: State<Database>, audit: State<Audit>) -> StatusCode {
        let deleted = database.write(async |mut tx| -> Result<(), AuditError> {
            audit.record_in(&mut tx, Entry::new("user.delete")).await
        });
        match deleted.await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    #[routes(name = "users", collect = never)]
    fn users() -> impl RouteSet {
        Routes::new().post("/users/delete", delete)
    }

    #[tokio::test]
    async fn an_entry_has_the_id_of_its_request() {
        let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH + 1_000 * DAY);
        let app = App::new()
            .supply(time.clock())
            .with(DatabasePlugin::memory());
        let app = app.with(AuditPlugin::default()).with(Users::default());
        let app = app
            .with(AccessLog::default())
            .with(ProxiesPlugin::default());
        let running = app.with(WebPlugin::default()).boot().await.unwrap();
        let web = running.try_get::<State<Web>>().unwrap();
        let request = Request::post("/users/delete").body(Body::empty()).unwrap();
        let response = web.handle(request).await;
        assert_eq!(response.status(), 204);
        let id = response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let audit = running.try_get::<State<Audit>>().unwrap();
        let page = audit.query(&Filter::new().request(&id)).await.unwrap();
        assert_eq!(page.entries.len(), 1);
        drop((web, audit));
        running.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_entry_is_counted_when_its_transaction_is_committed() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    let recorder = DebuggingRecorder::new();
    let measured = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let kit = Kit::new().await;
    let mut tx = kit.database.begin().await.unwrap();
    let entry = Entry::new("rolled back");
    kit.audit.record_in(&mut tx, entry).await.unwrap();
    tx.rollback().await.unwrap();
    kit.record("committed").await;
    let snapshot = measured.snapshot().into_vec().into_iter();
    let found = snapshot.filter(|(key, ..)| key.key().name() == "audit_recorded_total");
    let counts: Vec<_> = found.map(|(_, _, _, value)| value).collect();
    assert_eq!(counts, [DebugValue::Counter(1)]);
    kit.close().await;
}
