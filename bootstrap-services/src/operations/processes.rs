//! The supervised processes.

use bootstrap_web::prelude::*;

use crate::operations::actions::{Fields, field};
use crate::operations::html::{Markup, badge, button, html, table};
use crate::operations::jobs::empty;
use crate::operations::time::span;
use crate::operations::visit::Visit;
use crate::processes::{Exit, ProcessError, ProcessId, ProcessInfo, ProcessStatus, Processes};

const HEADS: [&str; 6] = ["Process", "State", "Pid", "Restarts", "Uses", "Actions"];

/// The section of the overview.
pub(super) fn section(visit: &Visit, processes: &Processes) -> Markup {
    let processes = processes.list();
    let rows = processes.iter().map(|process| row(visit, process));
    let content = match processes.is_empty() {
        true => empty("No process is supervised."),
        false => table("Processes", &HEADS, rows.collect()),
    };
    html!(r#"<section id="processes"><h2>Processes</h2>"# [content] "</section>")
}

fn row(visit: &Visit, process: &ProcessInfo) -> Vec<Markup> {
    let name = html!((&process.name) r#" <span class="quiet">"# (process.id) "</span>");
    let connected = match process.connected {
        true => Markup::default(),
        false => html!(r#" <span class="quiet">not connected</span>"#),
    };
    let none = || html!(r#"<span class="quiet">–</span>"#);
    let pid = process.pid.map_or_else(none, |pid| html!((pid)));
    let exit = process.exit.map(exit).unwrap_or_default();
    let usage = process.usage.map_or_else(
        none,
        |usage| html!((usage.rss >> 20) " MiB, " (span(usage.cpu)) " of a processor"),
    );
    let state = html!([badge(status(process.status))][connected]);
    let restarts = html!((process.restarts)[exit]);
    vec![name, state, pid, restarts, usage, actions(visit, process)]
}

fn status(status: ProcessStatus) -> &'static str {
    match status {
        ProcessStatus::Starting => "starting",
        ProcessStatus::Running => "running",
        ProcessStatus::Waiting => "waiting",
        ProcessStatus::Stopping => "stopping",
        ProcessStatus::Stopped => "stopped",
        ProcessStatus::Crashed => "crashed",
    }
}

fn exit(exit: Exit) -> Markup {
    match exit {
        Exit::Code(code) => html!(", last with code "(code)),
        Exit::Signal(signal) => html!(", last by signal "(signal)),
        Exit::Unknown => Markup::default(),
    }
}

fn actions(visit: &Visit, process: &ProcessInfo) -> Markup {
    let id = process.id.to_string();
    let of = format!("{} {id}", process.name);
    let button = |action: &str, label| {
        let action = format!("{}processes/{action}", visit.below);
        button(&action, &[("id", &id)], (label, &of))
    };
    // One that has crashed for good is dismissed by it.
    let stop = match process.status {
        ProcessStatus::Crashed => "Dismiss",
        _ => "Stop",
    };
    html!([button("restart", "Restart")][button("stop", stop)])
}

/// `POST /processes/restart`.
pub(super) async fn restart(visit: Given<Visit>, Form(fields): Fields) -> Answer<Response> {
    let (processes, id) = begin(&visit, &fields, "process.restart").await?;
    processes.restart(id).await.map_err(problem)?;
    Ok(visit.done(&format!("{}#processes", visit.root), "restarted"))
}

/// `POST /processes/stop`.
pub(super) async fn stop(visit: Given<Visit>, Form(fields): Fields) -> Answer<Response> {
    let (processes, id) = begin(&visit, &fields, "process.stop").await?;
    processes.stop(id).await.map_err(problem)?;
    Ok(visit.done(&format!("{}#processes", visit.root), "stopped"))
}

async fn begin<'a>(
    visit: &'a Visit,
    fields: &[(String, String)],
    action: &'static str,
) -> Result<(&'a Processes, ProcessId), Problem> {
    let text = field(fields, "id")?;
    let id = text.parse().ok().map(ProcessId::new);
    let id = id.ok_or_else(|| Problem::bad_request().detail("`id` must be a whole number"))?;
    let processes = visit.processes.as_deref();
    let processes = processes.or_not_found("this app has no processes")?;
    visit.record(action, ("process", text)).await?;
    Ok((processes, id))
}

fn problem(error: ProcessError) -> Problem {
    match &error {
        ProcessError::NotFound { .. } => Problem::not_found().detail(error.to_string()),
        _ => Problem::unavailable().cause(error),
    }
}
