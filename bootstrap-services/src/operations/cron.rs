//! The schedules of cron.

use bootstrap_web::prelude::*;

use crate::cron::{Cron, CronError, Outcome, ScheduleInfo};
use crate::operations::actions::{Fields, field};
use crate::operations::html::{Markup, badge, button, html, table};
use crate::operations::jobs::empty;
use crate::operations::time::time_or;
use crate::operations::visit::Visit;

const HEADS: [&str; 6] = [
    "Schedule",
    "Pattern",
    "Next",
    "Last",
    "Runs here",
    "Actions",
];

/// The section of the overview.
pub(super) fn section(visit: &Visit, cron: &Cron) -> Markup {
    let schedules = cron.list();
    let rows = schedules.iter().map(|schedule| row(visit, schedule));
    let content = match schedules.is_empty() {
        true => empty("No schedule was added."),
        false => table("Schedules", &HEADS, rows.collect()),
    };
    html!(r#"<section id="schedules"><h2>Schedules</h2>"# [content] "</section>")
}

fn row(visit: &Visit, schedule: &ScheduleInfo) -> Vec<Markup> {
    let ScheduleInfo { name, counts, .. } = schedule;
    let pattern = html!("<code>" (&schedule.pattern) r#"</code> <span class="quiet">"# (&schedule.zone) "</span>");
    let next = match schedule.is_paused {
        true => badge("paused"),
        false => time_or(visit.now, schedule.next, "never"),
    };
    let outcome = schedule.outcome.map(outcome).unwrap_or_default();
    let last = html!([time_or(visit.now, schedule.last, "not yet")] " " [outcome]);
    let mut runs = format!("{} begun, {} failed", counts.fired, counts.failed);
    let more = [
        (counts.skipped, "skipped"),
        (counts.missed, "missed"),
        (counts.elsewhere, "elsewhere"),
        (schedule.running as u64, "running"),
        (schedule.waiting as u64, "waiting"),
    ];
    for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
        runs.push_str(&format!(", {count} {what}"));
    }
    vec![
        html!((name)),
        pattern,
        next,
        last,
        html!((runs)),
        actions(visit, schedule),
    ]
}

fn outcome(outcome: Outcome) -> Markup {
    badge(match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Panicked => "panicked",
        Outcome::TimedOut => "timed-out",
        Outcome::Cancelled => "cancelled",
        Outcome::Skipped => "skipped",
    })
}

fn actions(visit: &Visit, schedule: &ScheduleInfo) -> Markup {
    let name = schedule.name.as_str();
    let (action, label) = match schedule.is_paused {
        true => ("resume", "Resume"),
        false => ("pause", "Pause"),
    };
    let button = |action: &str, label| {
        let action = format!("{}schedules/{action}", visit.below);
        button(&action, &[("name", name)], (label, name))
    };
    html!([button("trigger", "Run now")][button(action, label)])
}

/// `POST /schedules/pause`.
pub(super) async fn pause(visit: Given<Visit>, form: Fields) -> Answer<Response> {
    act(&visit, &form, ("schedule.pause", "paused"), Cron::pause).await
}

/// `POST /schedules/resume`.
pub(super) async fn resume(visit: Given<Visit>, form: Fields) -> Answer<Response> {
    act(&visit, &form, ("schedule.resume", "resumed"), Cron::resume).await
}

/// `POST /schedules/trigger`.
pub(super) async fn trigger(visit: Given<Visit>, form: Fields) -> Answer<Response> {
    let trigger = |cron: &Cron, name: &str| cron.trigger(name).map(drop);
    act(&visit, &form, ("schedule.trigger", "triggered"), trigger).await
}

async fn act(
    visit: &Visit,
    Form(fields): &Fields,
    (action, notice): (&'static str, &'static str),
    act: impl FnOnce(&Cron, &str) -> Result<(), CronError>,
) -> Answer<Response> {
    let name = field(fields, "name")?;
    let cron = visit
        .cron
        .as_ref()
        .or_not_found("this app has no schedules")?;
    visit.record(action, ("schedule", name)).await?;
    act(cron, name).map_err(|error| match &error {
        CronError::Unknown { .. } => Problem::not_found().detail(error.to_string()),
        _ => Problem::unavailable().cause(error),
    })?;
    Ok(visit.done(&format!("{}#schedules", visit.root), notice))
}
