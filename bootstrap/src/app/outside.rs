//! Planning with what the app is told from outside.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::apart::{Apart, Doing};
#[cfg(feature = "config")]
use crate::base::key::StateKey;
use crate::base::log::log;
use crate::base::text;
use crate::base::time::{later, until};
use crate::boot::{BootError, BootErrorKind};
#[cfg(feature = "config")]
use crate::collect::Unanswered;
use crate::collect::{Gate, Roster, SharedRegistry, Verdicts, with_registry};
#[cfg(feature = "config")]
use crate::declare::Declaration;
use crate::declare::Outside;
use crate::life::Life;
use crate::live::SLOW_BOOT;
#[cfg(feature = "config")]
use crate::plan::Readers;
use crate::plan::{Plan, PlanErrors, check_outside, resolve};
#[cfg(feature = "config")]
use crate::report::{Found, Mistake, PluginLocation};

/// Reads the configuration, asks the switches, and plans.
///
/// No lock is held while the user's code runs: sources, predicates, types that are read.
pub(super) fn plan(registry: &SharedRegistry, doing: &Doing) -> Result<Plan, PlanErrors> {
    let outside = read(registry, doing);
    let (roster, verdicts) = gather(registry, &outside, doing);
    finish(roster, &verdicts, outside, doing)
}

/// Plans as the first step of a boot, within its time.
///
/// Sources, predicates and types of the user may block, so they run on a thread that can be left
/// behind. The outer error is that of a boot that ended before there was a plan.
pub(super) async fn plan_to_boot(
    registry: SharedRegistry,
    life: &Life,
    limit: Option<Duration>,
) -> Result<Result<Plan, PlanErrors>, BootError> {
    if !has_configuration(&registry) {
        let (outside, verdicts) = (Outside::default(), Verdicts::default());
        let roster = roster_with(&registry, &outside, &verdicts);
        if !verdicts.is_open() {
            return Ok(finish(roster, &verdicts, outside, &Doing::default()));
        }
    }
    let doing = Doing::default();
    let noted = doing.clone();
    let planned = Apart::run(move || plan(&registry, &noted));
    let patience = Patience {
        stop: life.stop_token(),
        until: limit.map(|limit| later(Instant::now(), limit)),
    };
    match patience.wait(planned, &doing).await {
        Waited::For(planned) => Ok(planned),
        Waited::Stopped(does) => Err(BootError::unplanned(
            BootErrorKind::Interrupted {
                reason: life.reason(),
            },
            does,
        )),
        Waited::TooLong(does) => Err(BootError::unplanned(
            BootErrorKind::TimedOut {
                limit: limit.unwrap_or_default(),
            },
            does,
        )),
    }
}

/// What may end the wait for code that runs apart.
pub(super) struct Patience<'a> {
    pub(super) stop: &'a CancellationToken,
    pub(super) until: Option<Instant>,
}

/// How such a wait ended.
pub(super) enum Waited<T> {
    For(T),
    /// The app was asked to stop, or its runtime is shut down. The code is left behind, and does
    /// this.
    Stopped(Option<String>),
    /// The time is up. The code is left behind, and does this.
    TooLong(Option<String>),
}

impl Patience<'_> {
    pub(super) async fn wait<T: Send + 'static>(
        &self,
        mut apart: Apart<T>,
        doing: &Doing,
    ) -> Waited<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Waited::Stopped(doing.text()),
            result = apart.result() => result.map_or(Waited::Stopped(None), Waited::For),
            () = until(self.until) => Waited::TooLong(doing.text()),
            never = remind(doing) => never,
        }
    }
}

/// Warns of what takes long, and again after twice the time.
async fn remind<T>(doing: &Doing) -> T {
    let began = Instant::now();
    let mut after = SLOW_BOOT;
    loop {
        until(Some(later(began, after))).await;
        warn(after, doing);
        after = after.saturating_mul(2);
    }
}

fn warn(after: Duration, doing: &Doing) {
    let (after, does) = (text::duration(after), doing.text().unwrap_or_default());
    log(|| {
        tracing::warn!(target: "bootstrap", "not planned after {after}: a thread still {does}");
    });
}

fn finish(
    roster: Roster,
    verdicts: &Verdicts,
    outside: Outside,
    doing: &Doing,
) -> Result<Plan, PlanErrors> {
    #[cfg(feature = "config")]
    {
        let readers = Readers::of_roster(&roster);
        let planned = resolve(roster);
        let readers = match &planned {
            Ok(plan) => readers.in_plan(plan),
            Err(_) => readers,
        };
        let (faults, warnings) = readers.check(&outside, doing);
        let faults = faults.into_iter();
        let faults = faults.map(|fault| Mistake::Configuration {
            fault,
            found: Found::Plan,
        });
        let unanswered = verdicts.unanswered(&outside);
        let plugins = unanswered.iter().flat_map(|it| &it.known);
        let decided = plugins.flat_map(|(_, plugin)| plugin.provides);
        let decided: Vec<StateKey> = decided.copied().collect();
        let planned = PlanErrors::behind(unknown_choices(unanswered), &decided, planned);
        let mut plan = check_outside(planned, verdicts, faults.collect())?;
        plan.warnings.extend(warnings);
        plan.outside = outside;
        Ok(plan)
    }
    #[cfg(not(feature = "config"))]
    {
        let _ = (outside, doing);
        check_outside(resolve(roster), verdicts, Vec::new())
    }
}

/// Values that choose none of the plugins that they decide about.
#[cfg(feature = "config")]
fn unknown_choices(unanswered: Vec<Unanswered>) -> Vec<Mistake> {
    let location = |declaration: &Declaration| PluginLocation {
        plugin: declaration.name.into(),
        declared: declaration.location,
        registered: None,
    };
    let mistake = |it: Unanswered| {
        let known = it.known.into_iter();
        let known = known.map(|(value, by)| (value.to_owned(), location(by)));
        Mistake::UnknownChoice {
            key: it.key.to_string(),
            origin: (!it.origin.is_empty()).then_some(it.origin),
            known: known.collect(),
            near: it.near.map(str::to_owned),
            only_case: it.only_case,
            found: Found::Plan,
        }
    };
    unanswered.into_iter().map(mistake).collect()
}

/// The plugins that are part of an app, and the disabled ones.
pub(super) fn roster(registry: &SharedRegistry) -> Roster {
    let doing = Doing::default();
    let outside = read(registry, &doing);
    gather(registry, &outside, &doing).0
}

fn gather(registry: &SharedRegistry, outside: &Outside, doing: &Doing) -> (Roster, Verdicts) {
    let mut verdicts = Verdicts::default();
    loop {
        let roster = roster_with(registry, outside, &verdicts);
        if !verdicts.ask(outside, doing) {
            return (roster, verdicts);
        }
    }
}

fn roster_with(registry: &SharedRegistry, outside: &Outside, verdicts: &Verdicts) -> Roster {
    let gate = Gate { outside, verdicts };
    with_registry(registry, |registry| registry.roster(&gate))
}

#[cfg(feature = "config")]
fn has_configuration(registry: &SharedRegistry) -> bool {
    with_registry(registry, |registry| registry.configuration().is_some())
}

#[cfg(not(feature = "config"))]
fn has_configuration(_: &SharedRegistry) -> bool {
    false
}

#[cfg(feature = "config")]
fn read(registry: &SharedRegistry, doing: &Doing) -> Outside {
    let configuration = with_registry(registry, |registry| registry.configuration());
    Outside::read(configuration.as_deref(), doing)
}

#[cfg(not(feature = "config"))]
fn read(_: &SharedRegistry, _: &Doing) -> Outside {
    Outside::default()
}
