//! Workers in processes that are killed, stopped and blocked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use bootstrap_services::jobs::{JobId, JobInfo, JobState};

use crate::worker::{self, Act, Client, Setup, Worker};

const SECOND: Duration = Duration::from_secs(1);

#[test]
#[ignore = "it is what the other tests start"]
fn worker() {
    worker::run();
}

/// What has become of jobs whose workers were killed.
struct Killed {
    acknowledged: HashSet<JobId>,
    poisons: HashSet<JobId>,
    /// The processes that died, in order.
    died: Vec<u32>,
    begun: HashMap<JobId, Vec<u32>>,
    ended: HashMap<JobId, Vec<u32>>,
    /// The states that were stored as the end of a job, or after it.
    stored: HashMap<JobId, Vec<JobState>>,
    all: HashMap<JobId, JobInfo>,
}

/// Notes each end that is stored, and each change after it.
async fn note_ends(client: &Client) {
    const TABLE: &str = "CREATE TABLE ends (job INTEGER NOT NULL, state INTEGER NOT NULL)";
    const TRIGGER: &str =
        "CREATE TRIGGER note_end AFTER UPDATE OF state ON _jobs WHEN OLD.state > 2 OR NEW.state > 2
        BEGIN INSERT INTO ends VALUES (NEW.id, NEW.state); END";
    let create = client.database.write(async |mut tx| -> Result<()> {
        sqlx::query(TABLE).execute(&mut *tx).await?;
        sqlx::query(TRIGGER).execute(&mut *tx).await?;
        Ok(())
    });
    create.await.unwrap();
}

async fn noted_ends(client: &Client) -> HashMap<JobId, Vec<JobState>> {
    let ends = sqlx::query_as("SELECT job, state FROM ends ORDER BY rowid");
    let ends: Vec<(i64, i64)> = ends.fetch_all(client.database.read()).await.unwrap();
    let mut stored = HashMap::<_, Vec<_>>::new();
    for (job, state) in ends {
        let state = JobState::ALL[usize::try_from(state).unwrap()];
        stored.entry(JobId::new(job)).or_default().push(state);
    }
    stored
}

/// Whether a kill could bury an innocent job: one that was there at two deaths runs alone, and a kill from outside counts as its own crash.
async fn may_bury(client: &Client, poisons: &HashSet<JobId>) -> bool {
    let last = "SELECT id FROM _jobs WHERE state < 3 AND crash >= 2";
    let last: Vec<i64> = sqlx::query_scalar(last)
        .fetch_all(client.database.read())
        .await
        .unwrap();
    last.into_iter()
        .any(|id| !poisons.contains(&JobId::new(id)))
}

/// A number of jobs, of which each fifth enqueues another one.
async fn kill_workers(jobs: usize, kills: usize, poisons: usize) -> Killed {
    let client = Client::new().await;
    note_ends(&client).await;
    let start = Instant::now();
    let is_poison: HashSet<_> = (0..poisons).map(|it| it * jobs / poisons + 7).collect();
    let act = |number| match number {
        number if is_poison.contains(&number) => Act::Poison,
        number if number % 5 == 0 => Act::Chain,
        _ => Act::Quick,
    };
    let ids = client.enqueue((0..jobs).map(act)).await;
    let poisons: HashSet<_> = is_poison
        .iter()
        .map(|number| ids[*number].clone())
        .collect();
    let mut kill_at: Vec<_> = (0..kills).map(|_| fastrand::usize(0..jobs)).collect();
    kill_at.sort_unstable();
    let mut died = Vec::new();
    let mut worker = client.start(Setup::new());
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let counts = "SELECT count(*) FILTER (WHERE state = 3), count(*) FILTER (WHERE state < 3) FROM _jobs";
        let counts = sqlx::query_as(counts).fetch_one(client.database.read());
        let (done, left): (i64, i64) = counts.await.unwrap();
        let done = usize::try_from(done).unwrap();
        if left == 0 && kill_at.is_empty() {
            break;
        }
        if kill_at.first().is_some_and(|at| done >= *at) {
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..50_000))).await;
            // No job crashes twice before the next worker is started, which is below.
            if !may_bury(&client, &poisons).await {
                kill_at.remove(0);
                worker.kill();
            }
        }
        if worker.has_ended() {
            died.push(worker.id());
            worker = client.start(Setup::new());
        }
        assert!(start.elapsed() < 600 * SECOND, "{done} done, {left} left");
    }
    eprintln!(
        "{jobs} jobs, {} deaths: {:.1?}",
        died.len(),
        start.elapsed()
    );
    worker.signal("-TERM");
    assert!(worker.ended().await.success());
    let (mut begun, mut ended) = (HashMap::new(), HashMap::new());
    let mut acknowledged: HashSet<_> = ids.into_iter().collect();
    for line in client.folder.lines() {
        let lines: &mut HashMap<_, Vec<_>> = match &*line.kind {
            "begun" => &mut begun,
            "ended" => &mut ended,
            "acknowledged" => {
                acknowledged.insert(JobId::new(line.text));
                continue;
            }
            _ => continue,
        };
        lines
            .entry(JobId::new(line.text))
            .or_default()
            .push(line.process);
    }
    let all = client.all().await;
    let stored = noted_ends(&client).await;
    client.close().await;
    Killed {
        acknowledged,
        poisons,
        died,
        begun,
        ended,
        stored,
        all,
    }
}

impl Killed {
    fn check(&self) {
        let concurrency = Setup::new().concurrency;
        // The crashes of the jobs that a process had claimed when it died are counted, and no others.
        let mut claimed = 0;
        for id in &self.acknowledged {
            let job = self.all.get(id).unwrap_or_else(|| panic!("{id} was lost"));
            let is_poison = self.poisons.contains(id);
            let begun = self.begun.get(id).map_or(&[][..], Vec::as_slice);
            let ended = self.ended.get(id).map_or(&[][..], Vec::as_slice);
            assert_eq!(job.failures, 0, "{job:?}");
            claimed += job.crashes as usize;
            let runs: HashSet<_> = begun.iter().collect();
            assert_eq!(
                runs.len(),
                begun.len(),
                "{id} ran twice in one process: {begun:?}"
            );
            let crashed = begun.iter().filter(|process| self.died.contains(process));
            assert!(
                crashed.count() <= job.crashes as usize + 1,
                "{job:?}: {begun:?}"
            );
            assert_eq!(
                self.stored[id],
                [job.state],
                "{job:?} has not ended once and for all"
            );
            if is_poison {
                assert_eq!((job.state, job.crashes), (JobState::Dead, 3), "{job:?}");
                assert!((1..=3).contains(&begun.len()), "{job:?}: {begun:?}");
                continue;
            }
            assert_eq!(job.state, JobState::Done, "{job:?}");
            assert!(
                begun.len() <= job.crashes as usize + 1,
                "{job:?}: {begun:?}"
            );
            // The run whose end was stored is the last one.
            let last = begun.last().copied();
            assert_eq!(last, ended.last().copied(), "{job:?}: {begun:?} {ended:?}");
            assert_eq!(job.result, last.map(Into::into), "{job:?}: {begun:?}");
        }
        assert!(
            claimed <= self.died.len() * concurrency,
            "{claimed} crashes"
        );
        let stored: HashSet<_> = self.stored.keys().collect();
        assert_eq!(stored, self.all.keys().collect(), "all jobs have ended");
    }

    fn print(&self) {
        let times = |of: &HashMap<JobId, Vec<u32>>| {
            let mut times = BTreeMap::<usize, usize>::new();
            for (id, runs) in of {
                if !self.poisons.contains(id) {
                    *times.entry(runs.len()).or_default() += 1;
                }
            }
            times
        };
        let poisons: Vec<_> = self.poisons.iter().map(|id| self.begun[id].len()).collect();
        eprintln!("begun as many times: {:?}", times(&self.begun));
        eprintln!("ended as many times: {:?}", times(&self.ended));
        eprintln!(
            "poisons begun {poisons:?}; acknowledged {}; stored {}",
            self.acknowledged.len(),
            self.all.len()
        );
    }
}

#[tokio::test]
async fn a_worker_that_is_killed_again_and_again_loses_no_job_and_repeats_only_what_ran() {
    let killed = kill_workers(2_000, 6, 3).await;
    killed.print();
    killed.check();
}

#[tokio::test]
#[ignore = "it takes minutes"]
async fn a_worker_that_is_killed_twenty_times_loses_none_of_ten_thousand_jobs() {
    let killed = kill_workers(10_000, 20, 10).await;
    killed.print();
    killed.check();
}

/// D41: a claim is one step for all workers.
#[tokio::test]
async fn two_workers_begin_no_job_twice_and_one_takes_over_at_once_when_the_other_is_killed() {
    let client = Client::new().await;
    let jobs = client.enqueue((0..5_000).map(|_| Act::Quick)).await;
    let setup = Setup {
        concurrency: 50,
        ..Setup::new()
    };
    let mut workers = [client.start(setup), client.start(setup)];
    client.until_ended().await;
    let mut begun = BTreeMap::<u32, usize>::new();
    let mut ids = HashSet::new();
    for line in client
        .folder
        .lines()
        .into_iter()
        .filter(|line| line.kind == "begun")
    {
        *begun.entry(line.process).or_default() += 1;
        assert!(
            ids.insert(line.text.clone()),
            "{} was begun twice",
            line.text
        );
    }
    assert_eq!(ids.len(), jobs.len());
    eprintln!("begun by each process: {begun:?}");
    assert_eq!(begun.len(), 2, "one process did all the work: {begun:?}");

    let held = &client.enqueue([Act::Hold]).await[0];
    client.until_begun(held, 1).await;
    let holder = client.folder.of("begun", held)[0];
    let holder = workers.iter_mut().find(|worker| worker.id() == holder);
    holder.unwrap().kill();
    let took = client.until_begun(held, 2).await;
    eprintln!("taken over after {took:?}");
    // Far from the lease of 30 seconds.
    assert!(took < 5 * SECOND, "{took:?}");
    let job = client.find(held).await;
    assert_eq!((job.state, job.crashes), (JobState::Running, 1));
    for worker in &workers {
        client.folder.release(worker.id());
    }
    client.until_ended().await;
    assert_eq!(client.find(held).await.state, JobState::Done);
    client.close().await;
}

const SHORT: Setup = Setup {
    lease: Duration::from_secs(2),
    ..Setup::new()
};

/// Stops a process, but not in a transaction, in which it would lock the database.
async fn stop(client: &Client, worker: &Worker) {
    loop {
        worker.signal("-STOP");
        let begun = tokio::time::timeout(SECOND, client.database.begin()).await;
        if begun.is_ok_and(|begun| begun.is_ok()) {
            return;
        }
        worker.signal("-CONT");
        tokio::time::sleep(SECOND / 20).await;
    }
}

/// A worker that holds a job, and has stood still for longer than its lease.
async fn stopped(client: &Client, other: Setup) -> (JobId, Worker, Worker) {
    let job = client.enqueue([Act::Hold]).await.remove(0);
    let slow = client.start(SHORT);
    client.until_begun(&job, 1).await;
    let other = client.start(other);
    stop(client, &slow).await;
    let is_taken = async || client.find(&job).await.crashes == 1;
    client.until("it is not taken over", is_taken).await;
    (job, slow, other)
}

#[tokio::test]
async fn a_process_that_stood_still_cancels_what_another_has_taken_over_and_goes_on() {
    let client = Client::new().await;
    let (job, mut slow, mut other) = stopped(&client, SHORT).await;
    client.until_begun(&job, 2).await;
    slow.signal("-CONT");
    let is_cancelled = async || client.folder.of("cancelled", &job) == [slow.id()];
    client.until("it is not cancelled", is_cancelled).await;
    // The report is made beside that.
    let is_reported = async || !client.folder.errors(slow.id()).is_empty();
    client.until("it is not reported", is_reported).await;
    let errors = client.folder.errors(slow.id());
    assert!(
        errors.len() == 1 && errors[0].contains("silent for longer than `jobs.lease`"),
        "{errors:?}"
    );
    client.folder.release(other.id());
    client.until_ended().await;
    let found = client.find(&job).await;
    assert_eq!(
        (found.state, found.failures, found.crashes),
        (JobState::Done, 0, 1)
    );
    assert_eq!(
        found.result,
        Some(other.id().into()),
        "the outcome of the other counts"
    );

    other.signal("-TERM");
    assert!(other.ended().await.success());
    let next = client.enqueue([Act::Quick]).await.remove(0);
    client.until_ended().await;
    assert_eq!(client.folder.of("ended", &next), [slow.id()]);
    slow.signal("-TERM");
    assert!(slow.ended().await.success());
    client.close().await;
}

#[tokio::test]
async fn a_process_that_stood_still_and_claims_its_own_job_again_keeps_the_two_runs_apart() {
    let client = Client::new().await;
    let watcher = Setup {
        only_watches: true,
        ..SHORT
    };
    let (job, slow, _other) = stopped(&client, watcher).await;
    slow.signal("-CONT");
    client.until_begun(&job, 2).await;
    let is_cancelled = async || client.folder.of("cancelled", &job) == [slow.id()];
    client
        .until("the first run is not cancelled", is_cancelled)
        .await;
    // Until a turn has stored how the first run ended.
    let next = client.enqueue([Act::Quick]).await.remove(0);
    let is_done = async || client.find(&next).await.state == JobState::Done;
    client.until("the next is not done", is_done).await;
    assert_eq!(
        client.find(&job).await.state,
        JobState::Running,
        "the first run does not count"
    );
    client.folder.release(slow.id());
    client.until_ended().await;
    let found = client.find(&job).await;
    assert_eq!((found.state, found.crashes), (JobState::Done, 1));
    assert_eq!(client.folder.of("begun", &job), [slow.id(); 2]);
    client.close().await;
}

#[tokio::test]
async fn a_worker_of_another_container_is_dead_after_its_lease_and_not_while_it_runs() {
    let client = Client::new().await;
    let job = client.enqueue([Act::Hold]).await.remove(0);
    let Some(mut apart) = Worker::start_apart(&client.folder, SHORT) else {
        return client.close().await;
    };
    client.until_begun(&job, 1).await;
    let _watcher = client.start(Setup {
        only_watches: true,
        ..SHORT
    });
    tokio::time::sleep(2 * SHORT.lease).await;
    assert_eq!(client.find(&job).await.crashes, 0, "it lives");
    apart.kill();
    let is_taken = async || client.find(&job).await.crashes == 1;
    let took = client.until("it is not taken over", is_taken).await;
    // Its last sign of life was up to a third of the lease ago.
    assert!(took > SHORT.lease / 2 && took < 5 * SHORT.lease, "{took:?}");
    client.close().await;
}

/// A machine that was suspended, or a group of containers that was paused.
#[tokio::test]
async fn a_worker_that_stood_still_itself_takes_no_job_from_one_that_did_as_well() {
    let client = Client::new().await;
    let job = client.enqueue([Act::Hold]).await.remove(0);
    let holder = client.start(SHORT);
    client.until_begun(&job, 1).await;
    let watcher = client.start(Setup {
        only_watches: true,
        ..SHORT
    });
    // Until the watcher has seen the other worker.
    tokio::time::sleep(SECOND / 2).await;
    stop(&client, &holder).await;
    stop(&client, &watcher).await;
    tokio::time::sleep(3 * SECOND).await;
    watcher.signal("-CONT");
    tokio::time::sleep(SECOND / 3).await;
    holder.signal("-CONT");
    tokio::time::sleep(2 * SECOND).await;
    let found = client.find(&job).await;
    assert_eq!((found.state, found.crashes), (JobState::Running, 0));
    client.folder.release(holder.id());
    client.until_ended().await;
    assert_eq!(client.folder.of("begun", &job), [holder.id()]);
    client.close().await;
}

#[tokio::test]
async fn a_stop_releases_a_hundred_jobs_that_run_and_counts_nothing() {
    let client = Client::new().await;
    let jobs = client.enqueue([Act::Hold; 100]).await;
    let setup = Setup {
        concurrency: 100,
        ..Setup::new()
    };
    let mut first = client.start(setup);
    for job in &jobs {
        client.until_begun(job, 1).await;
    }
    let began = Instant::now();
    first.signal("-TERM");
    assert!(first.ended().await.success());
    let took = began.elapsed();
    eprintln!("stopped after {took:?}");
    // The grace is one second, and so are the last words of a handler.
    assert!((SECOND..5 * SECOND).contains(&took), "{took:?}");
    for job in client.all().await.values() {
        let found = (job.state, job.failures, job.crashes);
        assert_eq!(found, (JobState::Ready, 0, 0), "{job:?}");
    }
    let second = client.start(setup);
    client.folder.release(second.id());
    client.until_ended().await;
    for job in &jobs {
        assert_eq!(client.folder.of("begun", job), [first.id(), second.id()]);
        assert_eq!(client.find(job).await.state, JobState::Done);
    }
    client.close().await;
}

#[tokio::test]
async fn a_handler_that_blocks_the_only_thread_for_longer_than_the_lease() {
    let client = Client::new().await;
    let setup = Setup {
        threads: 1,
        ..SHORT
    };
    let slow = client.start(setup);
    let alone = client.enqueue([Act::Block(3_000)]).await.remove(0);
    client.until_ended().await;
    let job = client.find(&alone).await;
    assert_eq!(
        (job.state, job.crashes),
        (JobState::Done, 0),
        "no other worker took it over"
    );
    assert_eq!(client.folder.errors(slow.id()), [""; 0]);

    let job = client.enqueue([Act::Block(7_000)]).await.remove(0);
    client.until_begun(&job, 1).await;
    let other = client.start(setup);
    client.until_ended().await;
    let found = client.find(&job).await;
    assert_eq!((found.state, found.crashes), (JobState::Done, 1));
    assert_eq!(found.result, Some(other.id().into()));
    assert_eq!(client.folder.of("begun", &job), [slow.id(), other.id()]);
    let is_told = async || !client.folder.errors(slow.id()).is_empty();
    client
        .until("the slow worker reports nothing", is_told)
        .await;
    let errors = client.folder.errors(slow.id());
    assert!(
        errors.len() == 1 && errors[0].contains("do not block in handlers"),
        "{errors:?}"
    );
    client.close().await;
}
