//! What is to go wrong, and where.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::sleep;

use crate::base::location::Location;
use crate::base::phase::Phase;
use crate::base::text;
use crate::collect::Member;
use crate::declare::{HookSet, Identity, Plugin};

/// Something that goes wrong in a hook of one plugin; for [`App::fault`](crate::App::fault).
///
/// [`Fault::at`] says where by the name that messages call the plugin, `server/tenant#2` for a child, or
/// [`Fault::of`] by its type; then comes what happens: [`FaultPoint::fail`], [`panic`](FaultPoint::panic),
/// [`hang`](FaultPoint::hang), [`take`](FaultPoint::take) or [`block`](FaultPoint::block).
/// It happens in the place of the hook, unless [`midway`](FaultPoint::midway) or
/// [`afterwards`](FaultPoint::afterwards) say otherwise.
///
/// # Examples
///
/// ```
/// use bootstrap::plugin_fn;
/// use bootstrap::prelude::*;
/// use bootstrap::lifecycle::Phase;
/// use bootstrap::testing::{self, Fault};
///
/// testing::paused(async {
///     let mut app = App::new();
///     let database = app.register(plugin_fn("database", async |_| Ok(())));
///     app.register(plugin_fn("http", async |_| Ok(()))).after(&database);
///     let record = app.record();
///     let error = app.fault(Fault::at("http", Phase::Load).fail("port taken")).boot().await;
///
///     assert_eq!(error.unwrap_err().to_string(), "[http] Plugin load failed: port taken");
///     record.of("database").assert_before("database: load done", "database: close");
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault happens in an app: hand it to `App::fault`"]
pub struct Fault {
    point: FaultPoint,
    kind: Kind,
    /// How often it still happens.
    left: Option<Arc<AtomicUsize>>,
    /// Whether it has happened.
    has_happened: Arc<AtomicBool>,
}

/// Where something goes wrong; from [`Fault::at`] and [`Fault::of`].
#[derive(Clone, Debug)]
#[must_use = "say what goes wrong there: `fail`, `panic`, `hang`, `take`, `block`"]
pub struct FaultPoint {
    target: Target,
    pub(super) phase: Phase,
    pub(super) moment: Moment,
    at: Location,
}

#[derive(Clone, Debug)]
enum Target {
    Name(Cow<'static, str>),
    Type(Identity, &'static str),
}

/// How far the hook has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    Midway,
    Afterwards,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Fail(Cow<'static, str>),
    Panic(Cow<'static, str>),
    Hang,
    Take(Duration),
    Block(Duration),
}

impl Fault {
    /// In a hook of the plugin that messages call so. `phase` is one of `Load`, `Ready`, `Run`,
    /// `Drain` and `Close`.
    #[track_caller]
    pub fn at(plugin: impl Into<Cow<'static, str>>, phase: Phase) -> FaultPoint {
        FaultPoint::new(Target::Name(plugin.into()), phase)
    }

    /// In a hook of every plugin of this type.
    #[track_caller]
    pub fn of<P: Plugin>(phase: Phase) -> FaultPoint {
        let target = Target::Type(Identity::of::<P>(), type_name::<P>());
        FaultPoint::new(target, phase)
    }

    /// Only the first `n` times that the hook is called: a `load` may be tried again, a `run`
    /// started again, and any hook is called again after a restart.
    pub fn times(mut self, n: usize) -> Self {
        self.left = Some(Arc::new(AtomicUsize::new(n)));
        self
    }

    pub(super) fn phase(&self) -> Phase {
        self.point.phase
    }

    /// Where it was asked for.
    pub(super) fn location(&self) -> Location {
        self.point.at
    }

    pub(super) fn is_at(&self, member: &Member) -> bool {
        match &self.point.target {
            Target::Name(name) => member.name == **name,
            Target::Type(identity, _) => member.identity.id == identity.id,
        }
    }

    /// Why it can't happen at this plugin.
    pub(super) fn misfit(&self, has: HookSet, name: &dyn fmt::Display) -> Option<anyhow::Error> {
        let phase = self.point.phase;
        let has_hook = match phase {
            Phase::Load => true,
            Phase::Ready => has.ready,
            Phase::Run => has.run,
            Phase::Drain => has.drain,
            Phase::Close => has.close,
            _ => {
                return Some(anyhow!(
                    "a fault is to happen at `{name}` in the phase `{phase}`: faults are for \
                     `load`, `ready`, `run`, `drain` and `close`"
                ));
            }
        };
        (!has_hook).then(|| {
            anyhow!("a fault is to happen in `{phase}` of `{name}`, which has no such hook")
        })
    }

    /// That another fault in the same hook happens every time.
    pub(super) fn hidden(&self, name: &dyn fmt::Display) -> anyhow::Error {
        let phase = self.point.phase;
        anyhow!(
            "a fault is to happen in `{phase}` of `{name}`, where an earlier one happens every \
             time: limit that one with `Fault::times`"
        )
    }

    /// That background work is left out.
    pub(super) fn without_tasks(name: &dyn fmt::Display) -> anyhow::Error {
        anyhow!(
            "a fault is to happen in `run` of `{name}`, and `App::without_tasks` starts no `run` hook"
        )
    }

    /// That there is no such plugin.
    pub(super) fn unmet(&self, names: &[String]) -> anyhow::Error {
        let phase = self.point.phase;
        match &self.point.target {
            Target::Name(name) => {
                let near = near(name, names);
                let near = match near.len() {
                    0 => String::new(),
                    1 => format!("; did you mean {}?", text::names(&near)),
                    _ => format!("; did you mean one of {}?", text::names(&near)),
                };
                anyhow!(
                    "a fault is to happen in `{phase}` of `{name}`, and no plugin is called so{near}"
                )
            }
            Target::Type(_, name) => anyhow!(
                "a fault is to happen in `{phase}` of a `{}`, and there is none",
                text::short_type_name(name)
            ),
        }
    }

    /// Takes one of the times that are left.
    pub(super) fn strikes(&self) -> bool {
        self.left.as_ref().is_none_or(|left| {
            let take = |left: usize| left.checked_sub(1);
            let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
            left.fetch_update(set, get, take).is_ok()
        })
    }

    /// Calls a hook, and does what is to go wrong.
    pub(super) async fn around<T>(&self, hook: impl Future<Output = Result<T>>) -> Result<T> {
        match self.point.moment {
            Moment::Before => {
                self.happen().await?;
                hook.await
            }
            Moment::Midway => self.midway(hook).await,
            Moment::Afterwards => {
                let done = hook.await?;
                self.happen().await?;
                Ok(done)
            }
        }
    }

    async fn midway<T>(&self, hook: impl Future<Output = Result<T>>) -> Result<T> {
        let mut hook = pin!(hook);
        let first = poll_fn(|cx| Poll::Ready(hook.as_mut().poll(cx))).await;
        match first {
            // It never waits: there is no middle.
            Poll::Ready(done) => done,
            Poll::Pending => {
                self.happen().await?;
                hook.await
            }
        }
    }

    async fn happen(&self) -> Result<()> {
        self.has_happened.store(true, Ordering::Relaxed);
        self.kind.happen().await
    }

    /// Whether it has happened, in this app or in one that it was cloned for.
    pub(super) fn has_happened(&self) -> bool {
        self.has_happened.load(Ordering::Relaxed)
    }

    /// Whether it happens every time, so that a later fault in the same hook never does.
    pub(super) fn is_endless(&self) -> bool {
        self.left.is_none()
    }
}

impl FaultPoint {
    #[track_caller]
    fn new(target: Target, phase: Phase) -> Self {
        Self {
            target,
            phase,
            moment: Moment::Before,
            at: Location::caller(),
        }
    }

    /// When the hook waits for the first time: it is dropped there, or not polled any more. A hook
    /// that never waits is done before, and nothing goes wrong.
    pub fn midway(mut self) -> Self {
        self.moment = Moment::Midway;
        self
    }

    /// When the hook has done all of its work and returned `Ok`. A `load` that fails then has made
    /// its states in vain: they are not closed, but dropped.
    pub fn afterwards(mut self) -> Self {
        self.moment = Moment::Afterwards;
        self
    }

    pub(super) fn becomes(self, kind: Kind) -> Fault {
        Fault {
            point: self,
            kind,
            left: None,
            has_happened: Arc::default(),
        }
    }

    /// The hook returns an error with this message.
    pub fn fail(self, message: impl Into<Cow<'static, str>>) -> Fault {
        self.becomes(Kind::Fail(message.into()))
    }

    /// The hook panics with this message. Nothing is printed for it.
    pub fn panic(self, message: impl Into<Cow<'static, str>>) -> Fault {
        self.becomes(Kind::Panic(message.into()))
    }

    /// The hook waits for ever: until its time is up, or it is cancelled.
    pub fn hang(self) -> Fault {
        self.becomes(Kind::Hang)
    }

    /// The hook waits for so long, and then goes on.
    pub fn take(self, time: Duration) -> Fault {
        self.becomes(Kind::Take(time))
    }

    /// The hook holds its thread for so long, on the real clock, and then goes on. On a
    /// current-thread runtime everything else stands still meanwhile.
    pub fn block(self, time: Duration) -> Fault {
        self.becomes(Kind::Block(time))
    }
}

/// The names that may be meant: those that end so, without their scopes, parents or numbers; else
/// one that is spelt alike.
fn near<'a>(wanted: &str, names: &'a [String]) -> Vec<&'a str> {
    let names = || names.iter().map(String::as_str);
    let parts: [fn(&str) -> &str; 4] = [|name| name, unnumbered, own, |name| unnumbered(own(name))];
    for part in parts {
        let same: Vec<&str> = names().filter(|name| part(name) == wanted).collect();
        if !same.is_empty() {
            return same;
        }
    }
    let spelt_so = |part: fn(&str) -> &str| {
        let near = text::nearest(wanted, names().map(part))?;
        names().find(|name| part(name) == near)
    };
    parts.into_iter().find_map(spelt_so).into_iter().collect()
}

/// `tenant#2` of `server/tenant#2`.
fn own(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, own)| own)
}

/// `server/tenant` of `server/tenant#2`.
fn unnumbered(name: &str) -> &str {
    name.rsplit_once('#').map_or(name, |(bare, _)| bare)
}

impl Kind {
    async fn happen(&self) -> Result<()> {
        match self {
            Kind::Fail(message) => Err(anyhow!("{message}")),
            // Without the panic hook: it would print a backtrace of what was ordered.
            Kind::Panic(message) => resume_unwind(Box::new(message.to_string())),
            Kind::Hang => pending().await,
            Kind::Take(time) => {
                sleep(*time).await;
                Ok(())
            }
            #[expect(clippy::disallowed_methods, reason = "it is what was ordered")]
            Kind::Block(time) => {
                std::thread::sleep(*time);
                Ok(())
            }
        }
    }
}
