//! Claiming jobs: which ones, and how many.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;
use sqlx::{AssertSqlSafe, FromRow, SqliteConnection};

use crate::jobs::queue::{Bucket, QueueLimits};
use crate::jobs::{Claimed, JobId, Work};

/// The most terms of one statement: `SQLite` allows 500.
const MOST_TERMS: usize = 100;

/// Jobs that share their limits: those of one queue, or all that have no limits of their own.
pub(super) struct Group {
    /// The name of the queue, if it has limits.
    queue: Option<String>,
    limits: QueueLimits,
    /// Names, and the newest version of each.
    known: BTreeMap<String, u16>,
    /// The statements that find what is ready, in their order.
    find: Vec<(String, Vec<(String, u16)>)>,
}

impl Group {
    fn new(queue: Option<String>, limits: QueueLimits, known: BTreeMap<String, u16>) -> Self {
        let all: Vec<_> = known
            .iter()
            .map(|(name, version)| (name.clone(), *version))
            .collect();
        let find = all
            .chunks(MOST_TERMS)
            .map(|chunk| (finding(chunk.len()), chunk.to_vec()));
        Self {
            queue,
            limits,
            find: find.collect(),
            known,
        }
    }

    /// The groups of what this process handles.
    pub(super) fn all(work: &Work) -> Vec<Self> {
        let mut groups = BTreeMap::<Option<&str>, BTreeMap<String, u16>>::new();
        for known in work.known() {
            let queue = Some(known.queue).filter(|queue| work.queue(queue).is_limited());
            groups
                .entry(queue)
                .or_default()
                .insert(known.name.to_owned(), known.version);
        }
        let group = |(queue, known): (Option<&str>, _)| {
            let limits = queue.map(|queue| work.queue(queue)).unwrap_or_default();
            Self::new(queue.map(str::to_owned), limits, known)
        };
        groups.into_iter().map(group).collect()
    }

    /// How many more jobs may run, without regard to a rate.
    pub(super) fn room(&self, running: usize) -> usize {
        let most = self.limits.most_at_once().unwrap_or(usize::MAX);
        most.saturating_sub(running)
    }

    pub(super) fn handles(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Names and versions, as a JSON object.
    pub(super) fn known(&self) -> &BTreeMap<String, u16> {
        &self.known
    }
}

/// Finds what is ready: from an index for each name, so that names that this process does not handle cost nothing.
fn finding(names: usize) -> String {
    const ONE: &str = "SELECT * FROM (SELECT id, priority, run_at FROM _jobs WHERE state = 1 AND crash = 0 AND name = ? AND version <= ?
        ORDER BY priority DESC, run_at, id LIMIT ?)";
    let terms = vec![ONE; names].join(" UNION ALL ");
    format!("{terms} ORDER BY priority DESC, run_at, id LIMIT ?")
}

/// What a turn may claim.
pub(super) struct Room<'a> {
    pub(super) groups: &'a [Group],
    /// How many of each group run.
    pub(super) running: Vec<usize>,
    /// How many more may run.
    pub(super) free: usize,
    /// Whether a job that has brought its process down runs.
    pub(super) has_suspect: bool,
    /// Whether nothing begins while a job that must run alone waits for the end of what runs.
    pub(super) keeps_free: bool,
    pub(super) worker: i64,
    pub(super) now: i64,
}

/// What a turn has claimed.
#[derive(Default)]
pub(super) struct Claims {
    pub(super) jobs: Vec<Claim>,
    /// Whether more may be ready than was claimed.
    pub(super) is_more: bool,
    /// Whether a job that must run alone waits for the end of what runs.
    pub(super) waits_alone: bool,
    /// The groups that have used up their rate, from when and until when.
    pub(super) rests: Vec<(usize, Range<i64>)>,
}

/// A job that was claimed.
pub(super) struct Claim {
    pub(super) id: i64,
    pub(super) group: usize,
    /// It has brought its process down.
    pub(super) is_suspect: bool,
    /// It has done so for the last time that is allowed: nothing runs beside it, so that a neighbour is not to blame.
    pub(super) is_alone: bool,
    pub(super) job: Claimed,
}

/// What is ready, before it is claimed.
#[derive(FromRow)]
struct Candidate {
    id: i64,
    priority: i64,
    run_at: i64,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    name: String,
    version: u16,
    payload: String,
    attempt: u32,
    attempts: u32,
    crash: u32,
    crashes: u32,
    traceparent: Option<String>,
}

/// What a group may claim in this turn.
struct Allowance {
    most: usize,
    /// What follows from its rate: the bucket, and when it is full again.
    rate: Option<(Bucket, i64)>,
}

impl Room<'_> {
    /// Makes ready what is due, and claims what may run.
    pub(super) async fn claim(self, tx: &mut SqliteConnection) -> Result<Claims> {
        // One look for what is rare: each statement takes a switch of threads.
        const LOOK: &str = "SELECT EXISTS (SELECT 1 FROM _jobs WHERE state = 0 AND run_at <= ?), EXISTS (SELECT 1 FROM _jobs WHERE state = 1 AND crash > 0)";
        const DUE: &str = "UPDATE _jobs SET state = 1 WHERE id IN
            (SELECT id FROM _jobs WHERE state = 0 AND run_at <= ? ORDER BY run_at LIMIT 10000)";
        let look = sqlx::query_as(LOOK).bind(self.now);
        let (is_due, is_suspect): (bool, bool) = look.fetch_one(&mut *tx).await?;
        if is_due {
            sqlx::query(DUE).bind(self.now).execute(&mut *tx).await?;
        }
        let mut allowances = Vec::new();
        for (group, running) in self.groups.iter().zip(&self.running) {
            allowances.push(self.allowance(tx, group, *running).await?);
        }
        let mut claims = Claims::default();
        let mut chosen = Vec::new();
        if (is_due || is_suspect)
            && !self.has_suspect
            && let Some((id, group, is_last)) = self.suspect(tx, &allowances, true).await?
        {
            let is_idle = self.running.iter().all(|running| *running == 0);
            if !is_last {
                chosen.push((group, id));
            } else if is_idle {
                let ids = [(group, id)];
                claims.jobs = self.take(tx, &ids).await?;
                self.pay(tx, &allowances, &claims.jobs).await?;
                claims.is_more = true;
                return Ok(claims);
            } else {
                claims.waits_alone = true;
                if self.keeps_free {
                    return Ok(claims);
                }
                let other = self.suspect(tx, &allowances, false).await?;
                chosen.extend(other.map(|(id, group, _)| (group, id)));
            }
        }
        let mut candidates = Vec::new();
        for (index, allowance) in allowances.iter().enumerate() {
            let taken = chosen.iter().filter(|(group, _)| *group == index).count();
            let most = allowance
                .most
                .saturating_sub(taken)
                .min(self.free - chosen.len());
            let found = self.candidates(tx, &self.groups[index], most).await?;
            // A queue with a rate is looked at again when it has room.
            if found.len() == most
                && let Some((bucket, full)) = allowance.rate
            {
                let after = bucket.after(full, self.now, i64::try_from(found.len() + taken)?);
                let rest = self.now..bucket.next(after, self.now);
                // If the concurrency is what limits it, the end of a job is what makes room.
                claims
                    .rests
                    .extend((!rest.is_empty()).then_some((index, rest)));
            }
            candidates.extend(found.into_iter().map(|found| (index, found)));
        }
        candidates.sort_by_key(|(_, it)| (-it.priority, it.run_at, it.id));
        let free = self.free - chosen.len();
        claims.is_more = candidates.len() >= free;
        candidates.truncate(free);
        chosen.extend(candidates.iter().map(|(group, it)| (*group, it.id)));
        claims.jobs = self.take(tx, &chosen).await?;
        self.pay(tx, &allowances, &claims.jobs).await?;
        Ok(claims)
    }

    /// How many jobs of a group may begin.
    async fn allowance(
        &self,
        tx: &mut SqliteConnection,
        group: &Group,
        running: usize,
    ) -> Result<Allowance> {
        const FULL: &str = "SELECT full FROM _job_queues WHERE name = ?";
        let most = group.room(running);
        let mut allowance = Allowance { most, rate: None };
        if let Some(rate) = group.limits.most_in() {
            let stored = sqlx::query_scalar(FULL).bind(&group.queue);
            let stored: Option<i64> = stored.fetch_optional(&mut *tx).await?;
            let (bucket, stored) = (Bucket::new(rate), stored.unwrap_or_default());
            let full = bucket.full(stored, self.now);
            if full < stored {
                // The clock was set back, or the rate is a new one.
                self.set_full(tx, group, full).await?;
            }
            let room = usize::try_from(bucket.room(full, self.now)).unwrap_or_default();
            allowance.most = allowance.most.min(room);
            allowance.rate = Some((bucket, full));
        }
        Ok(allowance)
    }

    /// Charges what begins to the rates of the queues.
    async fn pay(
        &self,
        tx: &mut SqliteConnection,
        allowances: &[Allowance],
        jobs: &[Claim],
    ) -> Result<()> {
        for (index, allowance) in allowances.iter().enumerate() {
            let begun = jobs.iter().filter(|job| job.group == index).count();
            if begun > 0
                && let Some((bucket, full)) = allowance.rate
            {
                let full = bucket.after(full, self.now, i64::try_from(begun)?);
                self.set_full(tx, &self.groups[index], full).await?;
            }
        }
        Ok(())
    }

    async fn set_full(&self, tx: &mut SqliteConnection, group: &Group, full: i64) -> Result<()> {
        const SET: &str = "INSERT INTO _job_queues (name, full) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET full = excluded.full";
        let set = sqlx::query(SET).bind(&group.queue).bind(full);
        set.execute(tx).await?;
        Ok(())
    }

    async fn candidates(
        &self,
        tx: &mut SqliteConnection,
        group: &Group,
        most: usize,
    ) -> Result<Vec<Candidate>> {
        let mut all = Vec::new();
        let most = i64::try_from(most)?;
        if most == 0 {
            return Ok(all);
        }
        for (sql, names) in &group.find {
            let mut find = sqlx::query_as(AssertSqlSafe(sql.as_str()));
            for (name, version) in names {
                find = find.bind(name).bind(version).bind(most);
            }
            all.extend(find.bind(most).fetch_all(&mut *tx).await?);
        }
        Ok(all)
    }

    /// The oldest job that has brought its process down, its group, and whether it must run alone: any, or one that need not.
    async fn suspect(
        &self,
        tx: &mut SqliteConnection,
        allowances: &[Allowance],
        may_be_last: bool,
    ) -> Result<Option<(i64, usize, bool)>> {
        const SUSPECT: &str = "SELECT id, name, crash + 1 >= crashes FROM _jobs WHERE state = 1 AND crash > 0 AND (?2 OR crash + 1 < crashes)
            AND EXISTS (SELECT 1 FROM json_each(?1) AS known WHERE known.key = name AND version <= known.value)
            ORDER BY run_at, id LIMIT 1";
        let with_room = self
            .groups
            .iter()
            .zip(allowances)
            .filter(|(_, it)| it.most > 0);
        let known: BTreeMap<_, _> = with_room.flat_map(|(group, _)| group.known()).collect();
        let found = sqlx::query_as(SUSPECT).bind(serde_json::to_string(&known)?);
        let found = found.bind(may_be_last);
        let found: Option<(i64, String, bool)> = found.fetch_optional(tx).await?;
        let found = found.map(|(id, name, is_last)| {
            let group = self.groups.iter().position(|group| group.handles(&name));
            (id, group.unwrap_or_default(), is_last)
        });
        Ok(found)
    }

    async fn take(&self, tx: &mut SqliteConnection, chosen: &[(usize, i64)]) -> Result<Vec<Claim>> {
        const TAKE: &str = "UPDATE _jobs SET state = 2, worker = ?, progress = NULL WHERE id IN (SELECT value FROM json_each(?))
            RETURNING id, name, version, payload, attempt, attempts, crash, crashes, traceparent";
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = chosen.iter().map(|(_, id)| *id).collect();
        let take = sqlx::query_as(TAKE)
            .bind(self.worker)
            .bind(serde_json::to_string(&ids)?);
        let mut rows: Vec<Row> = take.fetch_all(tx).await?;
        let place = |row: &Row| ids.iter().position(|id| *id == row.id);
        rows.sort_by_key(place);
        let claims = rows
            .into_iter()
            .zip(chosen)
            .map(|(row, (group, _))| Claim::new(row, *group));
        Ok(claims.collect())
    }
}

impl Claim {
    fn new(row: Row, group: usize) -> Self {
        Self {
            id: row.id,
            group,
            is_suspect: row.crash > 0,
            is_alone: row.crash > 0 && row.crash + 1 >= row.crashes,
            job: Claimed {
                id: JobId::new(row.id),
                name: row.name,
                version: row.version,
                payload: row.payload,
                failures: row.attempt,
                attempts: row.attempts,
                traceparent: row.traceparent,
            },
        }
    }
}
