//! The task of a process: starts it, watches it, ends it, and starts it again.

use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::child::{self, Exit, Group, Identity, Usage};
use crate::database::DatabaseError;
use crate::processes::connection::Server;
use crate::processes::entry::{Entry, Request};
use crate::processes::policy::{self, Beat, Cause, Heartbeat, Limits, Restarts};
use crate::processes::shared::Shared;
use crate::processes::store::Left;
#[cfg(feature = "testing")]
use crate::processes::testing::Fake;
use crate::processes::{
    Definition, OnClose, ProcessError, ProcessEvent, ProcessId, ProcessStatus, metrics, protocol,
};
use crate::random;

/// The longest pause of a supervisor that has nothing to do.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// How long a stop waits for its row to be written.
const INTENTION: Duration = Duration::from_secs(1);

/// How often, and how many times, the end of a process is written again if the table fails.
const RETRY: Duration = Duration::from_secs(1);
const RETRIES: u32 = 60;

/// How long a process that was adopted may take to connect before its silence counts: clients pause for up to a second between attempts.
const RECONNECTION: Duration = Duration::from_secs(5);

type Reply = oneshot::Sender<Result<(), ProcessError>>;

pub(super) struct Supervisor {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    requests: mpsc::UnboundedReceiver<Request>,
    restarts: Restarts,
    /// Wait for a restart.
    replies: Vec<Reply>,
}

/// A process from its start to its end.
pub(super) struct Run {
    definition: Arc<Definition>,
    program: Program,
    server: Server,
    token: String,
    started: Duration,
    heartbeat: Heartbeat,
    limits: Limits,
    cause: Cause,
    /// When the group is killed.
    kill_at: Option<Duration>,
}

/// What a process runs.
enum Program {
    Group(Group),
    #[cfg(feature = "testing")]
    Fake(Fake),
}

impl Program {
    async fn ended(&mut self) -> Exit {
        match self {
            Self::Group(group) => group.ended().await,
            #[cfg(feature = "testing")]
            Self::Fake(fake) => fake.ended().await,
        }
    }

    fn terminate(&self) {
        match self {
            Self::Group(group) => group.terminate(),
            #[cfg(feature = "testing")]
            Self::Fake(fake) => fake.terminate(),
        }
    }

    fn kill(&self) {
        match self {
            Self::Group(group) => group.kill(),
            #[cfg(feature = "testing")]
            Self::Fake(fake) => fake.kill(),
        }
    }

    fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Group(group) => Some(group.identity()),
            #[cfg(feature = "testing")]
            Self::Fake(_) => None,
        }
    }

    /// The task of a test has none.
    fn pid(&self) -> Option<u32> {
        match self {
            Self::Group(group) => Some(group.pid().unsigned_abs()),
            #[cfg(feature = "testing")]
            Self::Fake(_) => None,
        }
    }

    fn leave(self) {
        match self {
            Self::Group(group) => group.leave(),
            #[cfg(feature = "testing")]
            Self::Fake(_) => {}
        }
    }
}

impl Run {
    /// Whether the process goes on when the app closes.
    fn is_left(&self) -> bool {
        self.definition.on_close == OnClose::Keep && self.cause == Cause::Itself
    }
}

impl Supervisor {
    /// Supervises a process that has a row. Its [entry](Self::entry) is to be added to the others.
    pub(super) fn new(
        shared: &Arc<Shared>,
        id: ProcessId,
        name: &str,
        metadata: &str,
        restarts: u32,
    ) -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let entry = Entry::new(id, name.to_owned(), metadata.to_owned(), restarts, sender);
        Self {
            shared: shared.clone(),
            entry: Arc::new(entry),
            requests,
            restarts: Restarts::default(),
            replies: Vec::new(),
        }
    }

    /// Writes the row of a new process, and starts it.
    pub(super) async fn spawn(
        shared: &Arc<Shared>,
        name: &str,
        metadata: &str,
    ) -> Result<(Self, Run), ProcessError> {
        let id = shared.store.insert(name, metadata, shared.clock.now());
        let id = id.await?;
        let begun = async {
            let mut supervisor = Self::new(shared, id, name, metadata, 0);
            shared.insert(&supervisor.entry)?;
            match supervisor.start().await {
                Ok(run) => Ok((supervisor, run)),
                Err(error) => {
                    shared.remove(&supervisor.entry);
                    supervisor.entry.ended.cancel();
                    Err(error)
                }
            }
        };
        let begun = begun.await;
        if begun.is_err() {
            shared.folder.remove(id);
            if let Err(error) = shared.store.remove(id).await {
                tracing::warn!(id = id.0, %error, "a process that was not started is still in the table, and the next instance starts it");
            }
        }
        begun
    }

    pub(super) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Takes over a process of an earlier instance.
    pub(super) async fn adopt(shared: &Arc<Shared>, left: Left) -> Result<(), ProcessError> {
        let is_alive = |identity: &Identity| identity.is_alive();
        let identity = left.identity.filter(is_alive);
        let definition = shared.definition(&left.name);
        let is_unwanted = left.status == ProcessStatus::Stopping || definition.is_err();
        let supervisor = Self::new(shared, left.id, &left.name, &left.metadata, left.restarts);
        shared.insert(&supervisor.entry)?;
        let (id, name) = (left.id.0, left.name.clone());
        if definition.is_err() {
            tracing::warn!(
                id,
                name,
                "a process of an earlier instance has no definition any more, and is stopped"
            );
        }
        // So that one without a definition is stopped as any other.
        let definition = definition.unwrap_or_else(|_| Arc::new(Definition::new(left.name)));
        let Some(identity) = identity else {
            supervisor.kill_descendants(&left.token).await;
            return supervisor.resume(&definition, is_unwanted).await;
        };
        // Before the group: if it fails, the process goes on.
        let listener = supervisor.listen()?;
        let group = Group::adopt(identity);
        let pid = group.pid().unsigned_abs();
        let heartbeat = left.heartbeat.or(definition.heartbeat);
        let mut run = supervisor.new_run(definition, left.token, listener, Program::Group(group));
        run.heartbeat = Heartbeat::new(heartbeat.filter(|time| !time.is_zero()));
        supervisor.is_running(Some(pid));
        supervisor.entry.view().last_message += RECONNECTION;
        metrics::adopted(&name);
        shared.emit(ProcessEvent::Adopted {
            id: left.id,
            name,
            pid,
        });
        if is_unwanted {
            supervisor.end(&mut run, Cause::Stopped, None);
        }
        supervisor.go(Some(run), Duration::ZERO);
        Ok(())
    }

    /// Goes on with a process that has ended without this service, or was not started.
    async fn resume(
        mut self,
        definition: &Definition,
        is_unwanted: bool,
    ) -> Result<(), ProcessError> {
        let again = policy::restarts(definition.restart, Cause::Itself, Exit::Unknown);
        if is_unwanted || !again {
            let status = if is_unwanted {
                ProcessStatus::Stopped
            } else {
                ProcessStatus::Crashed
            };
            self.finish(status, None).await;
            self.entry.ended.cancel();
            return Ok(());
        }
        self.count_restart();
        self.entry.view().status = ProcessStatus::Waiting;
        self.go(None, Duration::ZERO);
        Ok(())
    }

    /// Supervises in a task: a process that runs, or one that is started after a delay.
    pub(super) fn go(self, run: Option<Run>, delay: Duration) {
        let shared = self.shared.clone();
        let task = shared.clock.work(self.supervise(run, delay));
        shared.tasks.spawn(task);
    }

    pub(super) async fn supervise(mut self, mut run: Option<Run>, mut delay: Duration) {
        loop {
            let mut current = match run.take() {
                Some(run) => run,
                None => match self.start_again(delay).await {
                    Some(run) => run,
                    None => break,
                },
            };
            let Some(exit) = self.watch(&mut current).await else {
                current.program.leave();
                current.server.leave().await;
                self.shared.remove(&self.entry);
                break;
            };
            match self.ended(current, exit).await {
                Some(next) => delay = next,
                None => break,
            }
        }
        self.entry.view().pid = None;
        self.entry.ended.cancel();
    }

    /// Starts the process. Its row is written before, and again when its number is known.
    pub(super) async fn start(&mut self) -> Result<Run, ProcessError> {
        let (shared, entry) = (self.shared.clone(), self.entry.clone());
        let definition = shared.definition(&entry.name)?;
        let token = protocol::token().map_err(self.failed("reading `/dev/urandom`"))?;
        let restarts = entry.view().restarts;
        let noted = shared
            .store
            .starting(entry.id, &token, restarts, shared.clock.now());
        noted.await?;
        let listener = self.listen()?;
        let program = self.program(&definition, &token)?;
        let run = self.new_run(definition, token, listener, program);
        let heartbeat = run.definition.heartbeat;
        let identity = run.program.identity();
        if let Err(error) = shared.store.started(entry.id, identity, heartbeat).await {
            let token = run.token.clone();
            // It kills the group.
            drop(run);
            self.kill_descendants(&token).await;
            return Err(error.into());
        }
        let pid = run.program.pid();
        self.is_running(pid);
        metrics::spawned(&entry.name);
        shared.emit(ProcessEvent::Started {
            id: entry.id,
            name: entry.name.clone(),
            pid: pid.unwrap_or(0),
        });
        Ok(run)
    }

    fn listen(&self) -> Result<UnixListener, ProcessError> {
        let listener = self.shared.folder.listen(self.entry.id);
        listener.map_err(self.failed("binding its socket"))
    }

    fn new_run(
        &self,
        definition: Arc<Definition>,
        token: String,
        listener: UnixListener,
        program: Program,
    ) -> Run {
        let (shared, entry) = (&self.shared, &self.entry);
        let server = Server::start(shared.clone(), entry.clone(), token.clone(), listener);
        let heartbeat = Heartbeat::new(definition.heartbeat);
        Run {
            definition,
            program,
            server,
            token,
            started: shared.clock.elapsed(),
            heartbeat,
            limits: Limits::default(),
            cause: Cause::Itself,
            kill_at: None,
        }
    }

    fn program(&self, definition: &Definition, token: &str) -> Result<Program, ProcessError> {
        #[cfg(feature = "testing")]
        if let Some(fake) = self.shared.fakes.start(&self.shared, &self.entry, token) {
            return Ok(Program::Fake(fake));
        }
        if let Some(cwd) = &definition.cwd
            && !cwd.is_dir()
        {
            let what = format!("its folder `{}`", cwd.display());
            return Err(self.failed(&what)(io::ErrorKind::NotFound.into()));
        }
        let spawned = Group::spawn(&mut self.command(definition, token));
        let what = format!("running `{}`", definition.command.display());
        spawned.map(Program::Group).map_err(self.failed(&what))
    }

    fn command(&self, definition: &Definition, token: &str) -> Command {
        let mut command = Command::new(&definition.command);
        command.args(&definition.args).stdin(Stdio::null());
        // The environment of this process is inherited: without `PATH`, a script finds no program.
        for (name, value) in &definition.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(cwd) = &definition.cwd {
            command.current_dir(cwd);
        }
        let beats = definition.heartbeat.map(|limit| limit / 3);
        match beats {
            Some(beat) => command.env(protocol::HEARTBEAT, beat.as_millis().to_string()),
            None => command.env_remove(protocol::HEARTBEAT),
        };
        command
            .env(protocol::ID, self.entry.id.to_string())
            .env(protocol::SOCKET, self.shared.folder.socket(self.entry.id))
            .env(protocol::TOKEN, token)
            .env(protocol::METADATA, &self.entry.metadata);
        command
    }

    fn failed(&self, what: &str) -> impl FnOnce(io::Error) -> ProcessError + use<> {
        let (name, what) = (self.entry.name.clone(), what.to_owned());
        move |source| {
            let help = match source.kind() {
                io::ErrorKind::NotFound => "install it, or correct its path in the `Definition`",
                io::ErrorKind::PermissionDenied => "let this user run it",
                _ => "look at the limits of this user and of the machine",
            };
            ProcessError::Start {
                name,
                what,
                help,
                source,
            }
        }
    }

    fn is_running(&self, pid: Option<u32>) {
        let mut view = self.entry.view();
        view.status = ProcessStatus::Running;
        view.pid = pid;
        view.last_message = self.shared.clock.elapsed();
        view.is_missed = false;
        view.fault = None;
    }

    /// Watches the process until it has ended, or returns `None` if it goes on without this service.
    async fn watch(&mut self, run: &mut Run) -> Option<Exit> {
        loop {
            let pause = self.pause(run);
            let due = self.shared.clock.elapsed() + pause;
            let request = tokio::select! {
                biased;
                exit = run.program.ended() => return Some(exit),
                Some(request) = self.requests.recv() => Some(request),
                () = self.shared.clock.sleep(pause) => None,
            };
            self.forgive(run, due);
            match request {
                Some(Request::Close(_)) if run.is_left() => return None,
                Some(request) => self.handle_request(run, request).await,
                None => self.check(run),
            }
        }
    }

    async fn handle_request(&mut self, run: &mut Run, request: Request) {
        match request {
            Request::Stop => self.stop(run, None).await,
            Request::Close(most) => self.stop(run, most).await,
            Request::Kill => {
                self.end(run, Cause::Stopped, Some(Duration::ZERO));
                run.program.kill();
                self.note_stop().await;
            }
            Request::Restart(reply) => {
                self.replies.push(reply);
                self.end(run, Cause::Restarted, None);
            }
            Request::Measured(usage) => self.measured(run, usage),
        }
    }

    async fn stop(&self, run: &mut Run, most: Option<Duration>) {
        // Before the signal: if this process is killed now, the next one must not restart what was stopped.
        self.note_stop().await;
        self.end(run, Cause::Stopped, most);
    }

    async fn note_stop(&self) {
        let (id, now) = (self.entry.id, self.shared.clock.now());
        let noted = self
            .shared
            .store
            .set(id, ProcessStatus::Stopping, None, now);
        if !matches!(timeout(INTENTION, noted).await, Ok(Ok(()))) {
            tracing::warn!(
                id = id.0,
                "a process is stopped, which its table could not note"
            );
        }
    }

    /// Asks the process to end, and kills it when its patience is over. A stop outranks other causes.
    fn end(&self, run: &mut Run, cause: Cause, most: Option<Duration>) {
        if run.cause == Cause::Itself {
            run.program.terminate();
        }
        if run.cause == Cause::Itself || cause == Cause::Stopped {
            run.cause = cause;
        }
        if cause == Cause::Stopped {
            self.entry.view().is_unwanted = true;
        }
        let patience = run.definition.patience;
        let patience = most.map_or(patience, |most| most.min(patience));
        let kill_at = self.shared.clock.elapsed() + patience;
        run.kill_at = Some(run.kill_at.map_or(kill_at, |at| at.min(kill_at)));
        self.entry.view().status = ProcessStatus::Stopping;
    }

    fn silent(&self) -> Duration {
        let view = self.entry.view();
        if view.handling.is_some() {
            return Duration::ZERO;
        }
        self.shared
            .clock
            .elapsed()
            .saturating_sub(view.last_message)
    }

    /// Returns how long nothing has to be checked.
    fn pause(&self, run: &Run) -> Duration {
        let now = self.shared.clock.elapsed();
        if run.cause != Cause::Itself {
            let kill = run.kill_at.map(|at| at.saturating_sub(now));
            return kill.unwrap_or(LONGEST_PAUSE);
        }
        let running = now.saturating_sub(run.started);
        let runtime = run.definition.max_runtime;
        let runtime = runtime.map(|most| most.saturating_sub(running));
        let pauses = [runtime, run.heartbeat.pause(self.silent())];
        let next = pauses.into_iter().flatten().min();
        next.unwrap_or(LONGEST_PAUSE)
    }

    /// Counts the silence of the process anew if this task looks much later than it was due to.
    fn forgive(&self, run: &Run, due: Duration) {
        let now = self.shared.clock.elapsed();
        if run.cause == Cause::Itself && run.heartbeat.is_too_late(now.saturating_sub(due)) {
            self.entry.view().last_message = now;
        }
    }

    fn check(&self, run: &mut Run) {
        let now = self.shared.clock.elapsed();
        if run.kill_at.is_some_and(|at| now >= at) {
            run.kill_at = None;
            run.program.kill();
        }
        if run.cause != Cause::Itself {
            return;
        }
        self.check_heartbeat(run);
        self.check_limits(run, None);
    }

    fn check_heartbeat(&self, run: &mut Run) {
        let (id, name) = (self.entry.id, &self.entry.name);
        let beat = run.heartbeat.check(self.silent());
        match beat {
            Beat::Fine => {}
            Beat::Missed => {
                self.entry.view().is_missed = true;
                tracing::warn!(id = id.0, name, "a process sends no heartbeat");
                self.shared.emit(ProcessEvent::HeartbeatMissed { id });
            }
            Beat::Dead => {
                tracing::error!(
                    id = id.0,
                    name,
                    "a process sends no heartbeat, and is killed"
                );
                run.cause = Cause::Killed;
                run.program.kill();
            }
        }
    }

    fn measured(&self, run: &mut Run, usage: Usage) {
        let before = self.entry.view().usage.replace(usage);
        metrics::measured(&self.entry.name, before, Some(usage));
        if run.cause == Cause::Itself {
            self.check_limits(run, Some(usage));
        }
    }

    fn check_limits(&self, run: &mut Run, usage: Option<Usage>) {
        let running = self.shared.clock.elapsed().saturating_sub(run.started);
        let Some(limit) = run.limits.check(&run.definition, running, usage) else {
            return;
        };
        let (id, name) = (self.entry.id, &self.entry.name);
        tracing::error!(
            id = id.0,
            name,
            ?limit,
            ?usage,
            ?running,
            "a process uses more than it may, and is stopped"
        );
        self.shared.emit(ProcessEvent::LimitExceeded { id, limit });
        self.end(run, Cause::Killed, None);
    }

    /// Cleans up after a process, and returns the delay before its restart.
    async fn ended(&mut self, run: Run, exit: Exit) -> Option<Duration> {
        let Run {
            definition,
            server,
            token,
            cause,
            ..
        } = run;
        self.kill_descendants(&token).await;
        server.finish().await;
        let is_wanted = matches!(cause, Cause::Stopped | Cause::Restarted);
        self.note_exit(exit);
        metrics::ended(&self.entry.name, is_wanted, policy::has_failed(cause, exit));
        self.shared.emit(ProcessEvent::Ended {
            id: self.entry.id,
            exit,
            stopped: is_wanted,
        });
        match cause {
            Cause::Stopped => {
                self.finish(ProcessStatus::Stopped, Some(exit)).await;
                None
            }
            Cause::Restarted => Some(Duration::ZERO),
            _ if self.shared.closing.is_cancelled() && definition.on_close == OnClose::Stop => {
                self.finish(ProcessStatus::Stopped, Some(exit)).await;
                None
            }
            _ if policy::restarts(definition.restart, cause, exit) => {
                self.restart_later(&definition, Some(exit)).await
            }
            _ => {
                let status = if policy::has_failed(cause, exit) {
                    ProcessStatus::Crashed
                } else {
                    ProcessStatus::Stopped
                };
                self.finish(status, Some(exit)).await;
                None
            }
        }
    }

    /// Kills what a process has started in other groups.
    async fn kill_descendants(&self, token: &str) {
        // A process that was never started has none.
        if token.is_empty() {
            return;
        }
        let token = token.to_owned();
        // It reads a file of each process of the machine. An error is the end of the runtime.
        let _ = spawn_blocking(move || child::kill_marked(protocol::TOKEN, &token)).await;
    }

    fn note_exit(&self, exit: Exit) {
        let mut view = self.entry.view();
        view.pid = None;
        view.exit = Some(exit);
        view.is_missed = false;
        let usage = view.usage.take();
        drop(view);
        metrics::measured(&self.entry.name, usage, None);
    }

    fn count_restart(&self) {
        self.entry.view().restarts += 1;
        metrics::restarted(&self.entry.name);
    }

    /// Returns the delay before a restart, or `None` if there were too many.
    async fn restart_later(
        &mut self,
        definition: &Definition,
        exit: Option<Exit>,
    ) -> Option<Duration> {
        let now = self.shared.clock.elapsed();
        let Some(after) = self.restarts.next(definition, now, random::fraction()) else {
            self.finish(ProcessStatus::Crashed, exit).await;
            return None;
        };
        self.count_restart();
        let (id, now) = (self.entry.id, self.shared.clock.now());
        self.entry.view().status = ProcessStatus::Waiting;
        // If it fails, the next instance finds a process that has ended, which is the same.
        let noted = self.shared.store.set(id, ProcessStatus::Waiting, exit, now);
        if let Err(error) = noted.await {
            tracing::warn!(id = id.0, %error, "the end of a process was not written to its table");
        }
        self.shared.emit(ProcessEvent::Restarting { id, after });
        Some(after)
    }

    /// Starts the process after a delay, until that succeeds. Returns `None` if it was stopped or has crashed for good.
    async fn start_again(&mut self, mut delay: Duration) -> Option<Run> {
        loop {
            if !self.wait(delay).await {
                return None;
            }
            let error = match self.start().await {
                Ok(run) => {
                    self.answer(Ok(()));
                    return Some(run);
                }
                Err(error) => error,
            };
            let (id, name) = (self.entry.id.0, self.entry.name.clone());
            tracing::warn!(id, name, "a process was not restarted: {error}");
            let is_database = matches!(error, ProcessError::Database(_));
            self.answer(Err(error));
            let Ok(definition) = self.shared.definition(&self.entry.name) else {
                self.finish(ProcessStatus::Stopped, None).await;
                return None;
            };
            // A database that is down says nothing about the process.
            delay = if is_database {
                definition.longest_delay
            } else {
                self.restart_later(&definition, None).await?
            };
        }
    }

    /// Answers those that wait for a restart. An error is for one of them: the others ask again.
    fn answer(&mut self, result: Result<(), ProcessError>) {
        let last = self.replies.pop();
        for reply in self.replies.drain(..).filter(|_| result.is_ok()) {
            let _ = reply.send(Ok(()));
        }
        if let Some(last) = last {
            let _ = last.send(result);
        }
    }

    /// Waits before a restart. Returns whether it takes place.
    async fn wait(&mut self, delay: Duration) -> bool {
        let until = self.shared.clock.elapsed() + delay;
        loop {
            let rest = until.saturating_sub(self.shared.clock.elapsed());
            let request = tokio::select! {
                biased;
                Some(request) = self.requests.recv() => request,
                () = self.shared.clock.sleep(rest) => return true,
            };
            match request {
                Request::Measured(_) => continue,
                Request::Restart(reply) => {
                    self.replies.push(reply);
                    return true;
                }
                Request::Close(_) if self.is_kept() => {
                    self.shared.remove(&self.entry);
                }
                Request::Stop | Request::Kill | Request::Close(_) => {
                    let exit = self.entry.view().exit;
                    self.finish(ProcessStatus::Stopped, exit).await;
                }
            }
            return false;
        }
    }

    fn is_kept(&self) -> bool {
        let definition = self.shared.definition(&self.entry.name);
        definition.is_ok_and(|it| it.on_close == OnClose::Keep)
    }

    /// Notes that the process is not restarted.
    async fn finish(&mut self, status: ProcessStatus, exit: Option<Exit>) {
        let (shared, entry) = (self.shared.clone(), self.entry.clone());
        shared.folder.remove(entry.id);
        let noted = self.note_end(status, exit).await;
        entry.view().status = status;
        if status == ProcessStatus::Crashed {
            let (id, name) = (entry.id, &entry.name);
            metrics::crashed(name);
            tracing::error!(id = id.0, name, "a process has crashed for good");
            shared.emit(ProcessEvent::Crashed { id });
        } else {
            shared.remove(&entry);
        }
        // A caller of `stop` does not wait for a table that fails.
        entry.ended.cancel();
        if noted.is_err() {
            self.note_end_later(status, exit).await;
        }
    }

    async fn note_end(
        &self,
        status: ProcessStatus,
        exit: Option<Exit>,
    ) -> Result<(), DatabaseError> {
        let (id, now) = (self.entry.id, self.shared.clock.now());
        self.shared.store.set(id, status, exit, now).await
    }

    async fn note_end_later(&self, status: ProcessStatus, exit: Option<Exit>) {
        for _ in 0..RETRIES {
            tokio::select! {
                () = self.shared.closing.cancelled() => break,
                () = self.shared.clock.sleep(RETRY) => {}
            }
            // Once the process is started again, its row has another status.
            let found = self.shared.entry(self.entry.id);
            let is_replaced = found.is_ok_and(|it| !Arc::ptr_eq(&it, &self.entry));
            if is_replaced || self.note_end(status, exit).await.is_ok() {
                return;
            }
        }
        let (id, name) = (self.entry.id.0, &self.entry.name);
        tracing::error!(
            id,
            name,
            "the end of a process was not written to its table, so the next instance may restart it"
        );
    }
}
