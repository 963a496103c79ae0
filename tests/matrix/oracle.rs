//! What must become of a case: a few loops over plain numbers, which know nothing of tasks, timers
//! or locks.
//!
//! It needs to know who runs when, so it can tell of apps without a limit to their concurrency, and
//! of serial ones. What happens at the very instant at which a boot is stopped may be so or so.

use crate::case::{Case, Fault, Kind, Step};

pub type Time = u64;

/// Later than everything.
const NEVER: Time = Time::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    Yes,
    No,
    Either,
}

/// How a hook ends, or why it counts as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    Well,
    Error,
    Panic,
    TimedOut,
    /// Nothing that this oracle speaks of.
    Other,
    /// It never began, for lack of time; neither does this.
    NotBegun,
}

/// The hook that an error belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Load,
    Ready,
    Drain,
    Run,
    Close,
    Other,
}

pub type Wrong = (usize, Stage, Ending);

/// A hook by itself: how long, how it ends, when it asks for a shutdown.
#[derive(Clone, Copy)]
pub struct Played {
    took: Time,
    pub ending: Ending,
    asks_after: Option<Time>,
}

pub fn play(step: Step, limit: Time) -> Played {
    let (took, ending, asks_after) = match step.fault {
        Fault::None => (step.wait, Ending::Well, None),
        Fault::Error => (step.wait, Ending::Error, None),
        Fault::Panic => (step.wait, Ending::Panic, None),
        Fault::Hang => (NEVER, Ending::Well, None),
        Fault::Shutdown(more) => (step.wait + more, Ending::Well, Some(step.wait)),
    };
    if took <= limit {
        return Played {
            took,
            ending,
            asks_after,
        };
    }
    Played {
        took: limit,
        ending: Ending::TimedOut,
        asks_after: asks_after.filter(|after| *after < limit),
    }
}

/// What stops a boot, all at one instant.
#[derive(Clone, Debug)]
pub struct Stop {
    pub at: Time,
    pub failed: Vec<Wrong>,
    /// Who asked, of the plugins.
    asked: Vec<usize>,
    /// Somebody outside asked.
    pub is_interrupted: bool,
    pub is_out_of_time: bool,
}

impl Stop {
    /// Whether nothing else stops it at the same instant.
    pub fn is_alone(&self) -> bool {
        let others = usize::from(self.is_interrupted) + usize::from(self.is_out_of_time);
        self.failed.len() + self.asked.len() + others == 1
    }

    pub fn somebody_asked(&self) -> bool {
        self.is_interrupted || !self.asked.is_empty()
    }
}

/// What becomes of a boot.
#[derive(Debug)]
pub struct Boot {
    pub stop: Option<Stop>,
    /// When it has booted, or is stopped.
    pub at: Time,
    pub loads: Vec<Must>,
    pub begins: Vec<Must>,
}

/// One hook of a pass.
#[derive(Clone, Copy)]
struct Span {
    began: Time,
    ended: Time,
    ending: Ending,
    asks: Option<Time>,
}

pub fn load_limit(case: &Case, node: usize) -> Time {
    let script = &case.scripts[node];
    let own = script.limit.filter(|_| script.kind == Kind::Full);
    own.or(case.load_limit).unwrap_or(NEVER)
}

pub fn close_limit(case: &Case, node: usize) -> Time {
    let script = &case.scripts[node];
    let own = script.close_limit.filter(|_| script.kind == Kind::Full);
    own.or(case.hook_limit).unwrap_or(10_000)
}

/// The order of a serial boot: by the length of the longest chain below, then by name.
fn order(case: &Case) -> Vec<usize> {
    let mut levels: Vec<usize> = Vec::new();
    for needs in &case.needs {
        levels.push(
            needs
                .iter()
                .map(|need| levels[*need] + 1)
                .max()
                .unwrap_or(0),
        );
    }
    let mut order: Vec<usize> = (0..case.len()).collect();
    order.sort_by_key(|node| (levels[*node], *node));
    order
}

/// A pass of a boot that nothing stops; who is behind one that fails never begins.
fn forwards(case: &Case, start: Time, step: impl Fn(usize) -> Option<Step>) -> Vec<Option<Span>> {
    let mut spans: Vec<Option<Span>> = vec![None; case.len()];
    let mut clock = Some(start);
    for node in order(case) {
        let free = |need: &usize| {
            spans[*need]
                .filter(|it| it.ending == Ending::Well)
                .map(|it| it.ended)
        };
        let needs: Option<Vec<Time>> = case.needs[node].iter().map(free).collect();
        let began = match case.concurrency {
            1 => clock,
            _ => needs.map(|ends| ends.into_iter().fold(start, Time::max)),
        };
        let Some(began) = began else { continue };
        let played = play(step(node).unwrap_or_default(), load_limit(case, node));
        let span = Span {
            began,
            ended: began.saturating_add(played.took),
            ending: played.ending,
            asks: played.asks_after.map(|after| began + after),
        };
        spans[node] = Some(span);
        clock = Some(span.ended).filter(|_| span.ending == Ending::Well);
    }
    spans
}

/// What stops a pass, if anything does.
fn stop(case: &Case, spans: &[Option<Span>], stage: Stage) -> Option<Stop> {
    let all = || {
        spans
            .iter()
            .enumerate()
            .filter_map(|(node, span)| Some((node, (*span)?)))
    };
    let fails = || all().filter(|(_, span)| span.ending != Ending::Well);
    let ended = all().map(|(_, span)| span.ended).max()?;
    let external = [case.shutdown_at, case.boot_limit].into_iter().flatten();
    let causes = external
        .chain(fails().map(|(_, span)| span.ended))
        .chain(all().filter_map(|(_, span)| span.asks));
    let at = causes
        .min()
        .filter(|at| fails().next().is_some() || *at <= ended)?;
    Some(Stop {
        at,
        failed: fails()
            .filter(|(_, span)| span.ended == at)
            .map(|(node, span)| (node, stage, span.ending))
            .collect(),
        asked: all()
            .filter(|(_, span)| span.asks == Some(at))
            .map(|(node, _)| node)
            .collect(),
        is_interrupted: case.shutdown_at == Some(at),
        is_out_of_time: case.boot_limit == Some(at),
    })
}

/// Whether a load is done, and whether it has begun, when the boot is stopped.
fn fate(node: usize, span: Option<Span>, stop: &Stop) -> (Must, Must) {
    let Some(span) = span.filter(|span| span.began <= stop.at) else {
        return (Must::No, Must::No);
    };
    let is_cause = stop.asked.contains(&node) || stop.failed.iter().any(|it| it.0 == node);
    let is_sure = is_cause && stop.is_alone();
    let begins = if is_sure || span.began < stop.at {
        Must::Yes
    } else {
        Must::Either
    };
    let loads = match span.ending {
        Ending::Well if span.ended < stop.at => Must::Yes,
        Ending::Well if span.ended == stop.at && is_sure => Must::Yes,
        Ending::Well if span.ended == stop.at => Must::Either,
        _ => Must::No,
    };
    (loads, begins)
}

pub fn boot(case: &Case) -> Boot {
    let spans = forwards(case, 0, |node| Some(case.scripts[node].load));
    if let Some(stop) = stop(case, &spans, Stage::Load) {
        let fates = (0..case.len()).map(|node| fate(node, spans[node], &stop));
        let (loads, begins) = fates.unzip();
        return Boot {
            at: stop.at,
            stop: Some(stop),
            loads,
            begins,
        };
    }
    let end = |spans: &[Option<Span>]| spans.iter().flatten().map(|it| it.ended).max().unwrap_or(0);
    let ready = |node: usize| {
        let script = &case.scripts[node];
        (script.kind == Kind::Full).then_some(script.ready)
    };
    let spans = forwards(case, end(&spans), ready);
    let stop = stop(case, &spans, Stage::Ready);
    Boot {
        at: stop.as_ref().map_or(end(&spans), |stop| stop.at),
        stop,
        loads: vec![Must::Yes; case.len()],
        begins: vec![Must::Yes; case.len()],
    }
}

/// When and why an app stops that has booted.
pub struct Wish {
    pub at: Time,
    /// The plugins whose task may be named as the reason.
    pub failed: Vec<usize>,
    /// Whether the reason may be that somebody asked.
    pub is_asked: bool,
}

fn task(case: &Case, node: usize) -> Option<Played> {
    let script = &case.scripts[node];
    let step = script.run.filter(|_| script.kind == Kind::Full)?;
    Some(play(step, NEVER))
}

pub fn wish(case: &Case, booted: Time) -> Wish {
    let tasks = || (0..case.len()).filter_map(|node| Some((node, task(case, node)?)));
    let fails = |it: &(usize, Played)| matches!(it.1.ending, Ending::Error | Ending::Panic);
    let failures = || {
        tasks()
            .filter(fails)
            .map(|(node, it)| (node, booted + it.took))
    };
    let asks = || tasks().filter_map(|(_, it)| Some(booted + it.asks_after?));
    let asked = || asks().chain([booted + case.hold]).chain(case.shutdown_at);
    let at = asked()
        .chain(failures().map(|it| it.1))
        .min()
        .unwrap_or(booted);
    Wish {
        at,
        failed: failures().filter(|it| it.1 == at).map(|it| it.0).collect(),
        is_asked: asked().any(|asked| asked == at),
    }
}

/// What is there to be closed.
pub struct Open<'a> {
    pub loaded: &'a [bool],
    pub begun: &'a [bool],
    /// For each plugin what it left to be done, in the order in which it did.
    pub left: &'a [Vec<Step>],
    /// When it had booted, if it had.
    pub booted: Option<Time>,
}

pub struct Closed {
    pub wrong: Vec<Wrong>,
    pub at: Time,
    /// Two things happened at one instant, and `wrong` may be otherwise.
    pub is_vague: bool,
}

/// A pass that nothing stops: `work` tells for each node when it ends that begins then.
fn backwards(case: &Case, start: Time, mut work: impl FnMut(usize, Time) -> Time) -> Time {
    let mut ends: Vec<Time> = vec![start; case.len()];
    let mut clock = start;
    for node in order(case).into_iter().rev() {
        let dependents = (0..case.len()).filter(|other| case.needs[*other].contains(&node));
        let began = match case.concurrency {
            1 => clock,
            _ => dependents.map(|other| ends[other]).fold(start, Time::max),
        };
        ends[node] = work(node, began);
        clock = ends[node];
    }
    ends.into_iter().fold(start, Time::max)
}

pub fn close(case: &Case, open: &Open<'_>, start: Time) -> Closed {
    let mut closed = Closed {
        wrong: Vec::new(),
        at: start,
        is_vague: false,
    };
    if open.booted.is_some() {
        closed.at = backwards(case, closed.at, |node, began| {
            let script = &case.scripts[node];
            let drain = Some(script.drain).filter(|_| script.kind == Kind::Full);
            one_after_the_other(case, node, began, Stage::Drain, drain, &mut closed.wrong)
        });
    }
    closed.at = backwards(case, closed.at, |node, told| {
        stop_tasks(case, open, node, told, &mut closed)
    });
    closed.at = backwards(case, closed.at, |node, began| {
        let script = &case.scripts[node];
        let has_close = open.loaded[node] && script.kind != Kind::Bare;
        let close = Some(script.close).filter(|_| has_close);
        let steps = close
            .into_iter()
            .chain(open.left[node].iter().rev().copied());
        one_after_the_other(case, node, began, Stage::Close, steps, &mut closed.wrong)
    });
    closed.wrong.sort_unstable();
    closed
}

fn one_after_the_other(
    case: &Case,
    node: usize,
    began: Time,
    stage: Stage,
    steps: impl IntoIterator<Item = Step>,
    wrong: &mut Vec<Wrong>,
) -> Time {
    let mut clock = began;
    for step in steps {
        let played = play(step, close_limit(case, node));
        clock += played.took;
        if played.ending != Ending::Well {
            wrong.push((node, stage, played.ending));
        }
    }
    clock
}

/// Every task of a plugin gets the same time to end.
fn stop_tasks(case: &Case, open: &Open<'_>, node: usize, told: Time, closed: &mut Closed) -> Time {
    let script = &case.scripts[node];
    let until = told + close_limit(case, node);
    let mut tasks = Vec::new();
    if script.spawns && open.begun[node] {
        tasks.push((told + script.linger, Ending::Well));
    }
    if let (Some(booted), Kind::Full) = (open.booted, script.kind) {
        let by_itself = task(case, node).map(|it| (booted.saturating_add(it.took), it.ending));
        tasks.push(by_itself.unwrap_or((told + script.linger, Ending::Well)));
    }
    let mut ended = told;
    for (end, ending) in tasks {
        closed.is_vague |= end == until;
        let ending = if end > until {
            Ending::TimedOut
        } else {
            ending
        };
        if ending != Ending::Well {
            closed.wrong.push((node, Stage::Run, ending));
        }
        ended = ended.max(end.min(until));
    }
    ended
}
