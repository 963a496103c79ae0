//! The journal of one workflow, in memory: what its steps have returned, and which of them this pass has reached.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use sqlx::{FromRow, SqlitePool};

use crate::database::Tx;
use crate::workflows::StepKind;

/// The most steps of a workflow.
const MOST_STEPS: usize = 10_000;
/// The most bytes of the name of a step or a signal.
pub(crate) const LONGEST_NAME: usize = 200;

/// What has become of a step.
pub(crate) mod state {
    pub(crate) const OPEN: i64 = 0;
    pub(crate) const DONE: i64 = 1;
    pub(crate) const FAILED: i64 = 2;
}

/// Whether a step can be undone.
pub(crate) mod undo {
    pub(crate) const NOTHING: i64 = 0;
    pub(crate) const POSSIBLE: i64 = 1;
    pub(crate) const DONE: i64 = 2;
    pub(crate) const FAILED: i64 = 3;
}

/// A step as it is stored.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) seq: i64,
    pub(crate) kind: i64,
    pub(crate) state: i64,
    pub(crate) attempts: u32,
    pub(crate) result: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) due_at: Option<i64>,
    pub(crate) awaited: Option<String>,
    pub(crate) undo: i64,
    pub(crate) undo_attempts: u32,
    pub(crate) began_at: i64,
    pub(crate) ended_at: Option<i64>,
    /// The code may go another way since a retry, and not reach it.
    pub(crate) is_optional: bool,
}

impl Row {
    pub(crate) fn new(name: &str, kind: StepKind, now: i64) -> Self {
        Self {
            name: name.to_owned(),
            seq: 0,
            kind: kind.code(),
            state: state::OPEN,
            attempts: 0,
            result: None,
            error: None,
            due_at: None,
            awaited: None,
            undo: undo::NOTHING,
            undo_attempts: 0,
            began_at: now,
            ended_at: None,
            is_optional: false,
        }
    }

    pub(crate) const fn has_ended(&self) -> bool {
        self.state != state::OPEN
    }

    pub(crate) fn done(mut self, result: String, now: i64) -> Self {
        self.state = state::DONE;
        (self.result, self.error) = (Some(result), None);
        (self.due_at, self.ended_at) = (None, Some(now));
        self
    }

    pub(crate) fn failed(mut self, error: String, now: i64) -> Self {
        self.state = state::FAILED;
        (self.error, self.undo) = (Some(error), undo::NOTHING);
        (self.due_at, self.ended_at) = (None, Some(now));
        self
    }

    pub(crate) async fn store(&self, tx: &mut Tx, flow: i64) -> Result<()> {
        const STORE: &str = "INSERT OR REPLACE INTO _flow_steps
            (flow, name, seq, kind, state, attempts, result, error, due_at, awaited, undo, undo_attempts, began_at, ended_at, is_optional)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let store = sqlx::query(STORE)
            .bind(flow)
            .bind(&self.name)
            .bind(self.seq)
            .bind(self.kind);
        let store = store
            .bind(self.state)
            .bind(self.attempts)
            .bind(&self.result)
            .bind(&self.error);
        let store = store.bind(self.due_at).bind(&self.awaited).bind(self.undo);
        let store = store
            .bind(self.undo_attempts)
            .bind(self.began_at)
            .bind(self.ended_at)
            .bind(self.is_optional);
        store.execute(&mut **tx).await?;
        Ok(())
    }
}

/// Why a step can't be reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    NameTwice,
    TooMany,
    /// The journal has this step at the place of the new one.
    Changed {
        recorded: String,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    rows: HashMap<String, Row>,
    /// What this pass has not reached, in the order of the journal, and whether it need not.
    unreached: BTreeMap<i64, (String, bool)>,
    reached: HashSet<String>,
    last: i64,
}

impl Journal {
    pub(crate) async fn load(pool: &SqlitePool, flow: i64) -> Result<Self> {
        const LOAD: &str = "SELECT * FROM _flow_steps WHERE flow = ?";
        let rows: Vec<Row> = sqlx::query_as(LOAD).bind(flow).fetch_all(pool).await?;
        let mut journal = Self::default();
        for row in rows {
            journal.last = journal.last.max(row.seq);
            journal.rows.insert(row.name.clone(), row);
        }
        journal.begin_pass();
        Ok(journal)
    }

    /// The code runs from its beginning.
    pub(crate) fn begin_pass(&mut self) {
        self.reached.clear();
        self.unreached = self
            .rows
            .values()
            .map(|row| (row.seq, (row.name.clone(), row.is_optional)))
            .collect();
    }

    /// The code has reached a step. Returns it, if it is known.
    pub(crate) fn reach(&mut self, name: &str, kind: StepKind) -> Result<Option<Row>, Fault> {
        if !self.reached.insert(name.to_owned()) {
            return Err(Fault::NameTwice);
        }
        let Some(row) = self.rows.get(name) else {
            let is_full = self.rows.len() >= MOST_STEPS;
            return if is_full {
                Err(Fault::TooMany)
            } else {
                Ok(None)
            };
        };
        if row.kind != kind.code() {
            let recorded = name.to_owned();
            return Err(Fault::Changed { recorded });
        }
        self.unreached.remove(&row.seq);
        Ok(Some(row.clone()))
    }

    /// The first step that this pass has not reached: the code has changed if it reaches a new one, or its end.
    pub(crate) fn unreached(&self) -> Option<&str> {
        let required = self
            .unreached
            .values()
            .find(|(_, is_optional)| !is_optional);
        required.map(|(name, _)| name.as_str())
    }

    /// Whether the workflow has been beyond this place of the code before.
    pub(crate) fn is_beyond(&self) -> bool {
        !self.unreached.is_empty()
    }

    /// The place of the next row.
    pub(crate) fn next(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// A row was stored.
    pub(crate) fn keep(&mut self, row: Row) {
        self.rows.insert(row.name.clone(), row);
    }

    /// What can be undone, the last first.
    pub(crate) fn to_undo(&self) -> Option<&Row> {
        let possible = self.rows.values().filter(|row| row.undo == undo::POSSIBLE);
        possible.max_by_key(|row| row.seq)
    }

    /// The steps that wait for jobs and workflows which they have started.
    pub(crate) fn awaiting(&self) -> Vec<Row> {
        let others = [StepKind::Job, StepKind::Workflow].map(StepKind::code);
        let awaits =
            |row: &&Row| !row.has_ended() && row.awaited.is_some() && others.contains(&row.kind);
        self.rows.values().filter(awaits).cloned().collect()
    }
}
