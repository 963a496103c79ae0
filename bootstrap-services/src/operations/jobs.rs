//! The jobs.

use bootstrap_web::prelude::*;

use crate::jobs::{JobFilter, JobId, JobInfo, JobState, Jobs};
use crate::operations::frame::{fault, missing, page, pages};
use crate::operations::html::{
    Markup, badge, beginning, block, button, definitions, encoded, hidden, html, options, table,
};
use crate::operations::time::{time, time_or};
use crate::operations::visit::Visit;

/// How many jobs a page lists. A payload has up to 1 MiB.
pub(super) const PAGE: u32 = 25;
/// The most bytes of a payload or a result that a page shows.
const LONGEST_JSON: usize = 64 << 10;
/// The most bytes of an error in a list.
pub(super) const LONGEST_LINE: usize = 160;

const HEADS: [&str; 6] = ["Job", "State", "What", "Attempts", "When", "Actions"];

/// How many jobs of each name are in each state.
pub(super) async fn counts(visit: &Visit, jobs: &Jobs) -> Markup {
    let counted = match visit.counts(jobs).await {
        Ok(counted) => counted,
        Err(error) => return fault(&error.into()),
    };
    let mut names: Vec<_> = counted.counts.iter().map(|it| it.name.as_str()).collect();
    names.dedup();
    if names.is_empty() {
        return empty("No job was enqueued yet.");
    }
    let cell = |name: &str, state: JobState| {
        let found = counted
            .counts
            .iter()
            .find(|it| it.name == name && it.state == state);
        let Some(found) = found else {
            return html!(r#"<span class="quiet">0</span>"#);
        };
        let link = format!("{}jobs?state={state}&name={}", visit.below, encoded(name));
        html!(r#"<a href=""# (link) r#"">"# (found.count) "</a>")
    };
    let rows = names.into_iter().map(|name| {
        let link = format!("{}jobs?name={}", visit.below, encoded(name));
        let name_cell = html!(r#"<a href=""# (link) r#"">"# (name) "</a>");
        let cells = JobState::ALL.into_iter().map(|state| cell(name, state));
        std::iter::once(name_cell).chain(cells).collect()
    });
    let heads = [
        "Name",
        "Scheduled",
        "Ready",
        "Running",
        "Done",
        "Dead",
        "Cancelled",
    ];
    let table = table("Jobs of each name and state", &heads, rows.collect());
    html!(r#"<div class="numbers">"# [table] r#"</div><p class="quiet">Counted "# [time(visit.now, counted.at)] ".</p>")
}

/// The newest jobs of a state, for the overview.
pub(super) async fn newest(
    visit: &Visit,
    jobs: &Jobs,
    (state, title): (JobState, &'static str),
    nothing: &'static str,
) -> Markup {
    const MOST: u32 = 5;
    let content = match jobs
        .list(&JobFilter::new().state(state).limit(MOST + 1))
        .await
    {
        Ok(found) if found.is_empty() => empty(nothing),
        Ok(found) if found.len() > MOST as usize => {
            let link = format!("{}jobs?state={state}", visit.below);
            html!(
                [jobs_table(visit, title, &found[..MOST as usize])] r#"<p><a href=""# (link) r#"">All that are "# (state)
                "</a></p>"
            )
        }
        Ok(found) => jobs_table(visit, title, &found),
        Err(error) => fault(&error.into()),
    };
    html!("<section><h2>" (title) "</h2>" [content] "</section>")
}

fn jobs_table(visit: &Visit, label: &str, jobs: &[JobInfo]) -> Markup {
    let rows = jobs.iter().map(|job| {
        let name = html!(
            r#"<a href=""# (visit.job(job.id.as_str())) r#"">"# (&job.name) r#" <span class="quiet">"# (&job.id)
            "</span></a>"
        );
        vec![name, badge(job.state), what(job), failed(job), when(visit, job), actions(visit, job)]
    });
    table(label, &HEADS, rows.collect())
}

/// The most telling thing about a job, in a line.
fn what(job: &JobInfo) -> Markup {
    let error = job.error.as_deref().filter(|_| job.state != JobState::Done);
    match (&job.progress, error) {
        (Some(progress), _) if job.state == JobState::Running => {
            html!((beginning(progress, LONGEST_LINE)))
        }
        (_, Some(error)) => {
            let line = error.lines().next().unwrap_or_default();
            html!(r#"<span class="error">"# (beginning(line, LONGEST_LINE)) "</span>")
        }
        _ => {
            let payload = beginning(&job.payload.to_string(), LONGEST_LINE / 2);
            html!(r#"<code class="quiet">"# (payload) "</code>")
        }
    }
}

fn when(visit: &Visit, job: &JobInfo) -> Markup {
    let (verb, at) = job
        .ended_at
        .map_or(("due ", job.run_at), |at| ("ended ", at));
    html!((verb)[time(visit.now, at)])
}

/// How many attempts have failed. A workflow is resumed as often as that takes.
fn failed(job: &JobInfo) -> Markup {
    if job.resumes.is_some() {
        return html!((job.failures) " failed");
    }
    html!((job.failures) " of " (job.attempts) " failed")
}

fn actions(visit: &Visit, job: &JobInfo) -> Markup {
    let id = job.id.as_str();
    if let Some(workflow) = job.resumes.as_deref().filter(|_| !job.state.has_ended()) {
        return html!("of "[link(visit, workflow)]);
    }
    let (action, label) = match job.state {
        JobState::Dead | JobState::Cancelled => ("requeue", "Requeue"),
        JobState::Done => return html!(r#"<span class="quiet">–</span>"#),
        JobState::Scheduled | JobState::Ready | JobState::Running => ("cancel", "Cancel"),
    };
    let action = format!("{}jobs/{action}", visit.below);
    button(&action, &[("id", id)], (label, &format!("job {id}")))
}

fn link(visit: &Visit, workflow: &str) -> Markup {
    let name = beginning(workflow, 40);
    if cfg!(not(feature = "workflows")) {
        return html!((name));
    }
    html!(r#"<a href=""# (visit.workflow(workflow)) r#"">"# (name) "</a>")
}

pub(super) fn empty(text: &'static str) -> Markup {
    html!(r#"<p class="empty">"# (text) "</p>")
}

pub(super) fn state(text: &str) -> Option<JobState> {
    let mut all = JobState::ALL.into_iter();
    all.find(|state| state.to_string() == text)
}

/// `GET /jobs`.
pub(super) async fn list(visit: Given<Visit>) -> Answer<Response> {
    let jobs = visit.jobs()?;
    let (name, state) = (visit.query("name"), visit.query("state").and_then(state));
    let mut filter = JobFilter::new().limit(PAGE + 1);
    if let Some(name) = name {
        filter = filter.name(name);
    }
    if let Some(state) = state {
        filter = filter.state(state);
    }
    if let Some(before) = visit.query("before") {
        filter = filter.before(JobId::new(before));
    }
    let mut found = jobs.list(&filter).await?;
    let has_more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let content = if found.is_empty() {
        empty("There are no such jobs.")
    } else {
        html!([jobs_table(&visit, "Jobs", &found)][bulk(&visit, state, &found)])
    };
    let filter = filter_form(&visit, jobs, (name, state)).await;
    let older = found.last().filter(|_| has_more).map(|job| job.id.as_str());
    let name = name
        .map(|name| format!("name={}&", encoded(name)))
        .unwrap_or_default();
    let state = state
        .map(|state| format!("state={state}&"))
        .unwrap_or_default();
    let pages = pages(&visit, &format!("{}jobs?{name}{state}", visit.below), older);
    Ok(page(
        &visit,
        "Jobs",
        "Jobs",
        &html!([filter][content][pages]),
    ))
}

/// The form that chooses which jobs are listed.
async fn filter_form(
    visit: &Visit,
    jobs: &Jobs,
    (name, state): (Option<&str>, Option<JobState>),
) -> Markup {
    // Without counts, there are no names to choose from but the chosen one.
    let counts = visit
        .counts(jobs)
        .await
        .map(|it| it.counts)
        .unwrap_or_default();
    let mut names: Vec<_> = counts
        .iter()
        .map(|it| it.name.as_str())
        .chain(name)
        .collect();
    names.sort_unstable();
    names.dedup();
    let names = options(names, name.as_ref());
    let states = options(JobState::ALL, state.as_ref());
    html!(
        r#"<form class="filter" method="get"><label>Name <select name="name"><option value="">all</option>"# [names]
        r#"</select></label> <label>State <select name="state"><option value="">all</option>"# [states]
        "</select></label> <button>Show</button></form>"
    )
}

/// The forms for all jobs of a state. Each is behind a summary, so that one click is not enough.
fn bulk(visit: &Visit, state: Option<JobState>, jobs: &[JobInfo]) -> Markup {
    let Some(state) = state.filter(|state| state.has_ended()) else {
        return Markup::default();
    };
    let purge = html!(
        r#"<details><summary>Purge</summary><form method="post" action=""# (&visit.below) r#"jobs/purge">"# [hidden("state", &state.to_string())]
        "<p>Removes jobs of all names that are " (state) r#". This can't be undone.</p><label>Ended more than <select name="hours"><option value="720">30 days</option><option value="168">7 days</option><option value="24">1 day</option><option value="1">1 hour</option><option value="0">0 hours</option></select> ago</label> <button class="danger">Purge</button></form></details>"#
    );
    if state == JobState::Done {
        return html!(r#"<div class="bulk">"# [purge] "</div>");
    }
    let ids: Markup = jobs
        .iter()
        .map(|job| hidden("id", job.id.as_str()))
        .collect();
    html!(
        r#"<div class="bulk"><details><summary>Requeue these "# (jobs.len()) r#"</summary><form method="post" action=""# (&visit.below)
        r#"jobs/requeue">"# [ids] "<p>Each has all its attempts again.</p><button>Requeue " (jobs.len()) "</button></form></details>" [purge] "</div>"
    )
}

/// `GET /jobs/{id}`.
pub(super) async fn show(visit: Given<Visit>, Path(id): Path<String>) -> Answer<Response> {
    let Some(job) = visit.jobs()?.find(&JobId::new(&id)).await? else {
        return Ok(missing(&visit, &format!("There is no job {id}")));
    };
    let error = job.error.as_deref();
    let error = error.map(|error| html!("<h2>Error</h2>"[block("Error", error)]));
    let result = job.result.as_ref();
    let result = result.map(|result| html!("<h2>Result</h2>"[block("Result", &pretty(result))]));
    let content = html!(
        [facts(&visit, &job)] r#"<div class="actions">"# [actions(&visit, &job)] "</div>" [remove(&visit, &job)] [error.unwrap_or_default()]
        "<h2>Payload</h2>" [block("Payload", &pretty(&job.payload))] [result.unwrap_or_default()]
    );
    Ok(page(
        &visit,
        "Jobs",
        &format!("{} {}", job.name, job.id),
        &content,
    ))
}

/// The form that removes a job that is dead or cancelled, behind a summary, so that one click is not enough.
fn remove(visit: &Visit, job: &JobInfo) -> Markup {
    if !matches!(job.state, JobState::Dead | JobState::Cancelled) {
        return Markup::default();
    }
    html!(
        r#"<div class="bulk"><details><summary>Remove</summary><form method="post" action=""# (&visit.below) r#"jobs/remove">"# [hidden("id", job.id.as_str())]
        "<p>Removes this job, with its payload and error. This can't be undone.</p>"
        r#"<button class="danger" aria-label="Remove job "# (&job.id) r#"">Remove</button></form></details></div>"#
    )
}

fn facts(visit: &Visit, job: &JobInfo) -> Markup {
    let text = |text: &dyn std::fmt::Display| html!((text));
    let optional = |name: &'static str, value: &Option<String>| {
        value
            .as_ref()
            .map(|value| (name, html!("<code>" (value) "</code>")))
    };
    let facts = [
        ("State", badge(job.state)),
        ("Version", text(&job.version)),
        ("Priority", text(&job.priority)),
        ("Attempts", failed(job)),
        ("Crashes", text(&job.crashes)),
        ("Enqueued", time(visit.now, job.enqueued_at)),
        ("Due", time(visit.now, job.run_at)),
        ("Ended", time_or(visit.now, job.ended_at, "not yet")),
    ];
    let resumes = job.resumes.as_deref();
    let more = [
        resumes.map(|workflow| ("Resumes", link(visit, workflow))),
        optional("Progress", &job.progress),
        optional("Unique key", &job.unique),
        optional("Trace", &job.traceparent),
    ];
    let facts = facts.into_iter().chain(more.into_iter().flatten());
    definitions(facts)
}

pub(super) fn pretty(value: &serde_json::Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    beginning(&text, LONGEST_JSON)
}
