//! The workflows.

use bootstrap_web::prelude::*;

use crate::operations::actions::{Fields, field};
use crate::operations::frame::{fault, missing, page, pages};
use crate::operations::html::{
    Markup, badge, beginning, block, button, definitions, encoded, html, options, table,
};
use crate::operations::jobs::{LONGEST_LINE, PAGE, empty, pretty};
use crate::operations::time::{time, time_or};
use crate::operations::visit::{Visit, done};
use crate::workflows::{
    FlowFilter, FlowId, FlowInfo, FlowState, StepInfo, StepKind, StepState, Workflows,
};

const HEADS: [&str; 5] = ["Workflow", "State", "What", "When", "Actions"];
const STEP_HEADS: [&str; 6] = ["Step", "Kind", "State", "What", "Attempts", "When"];
/// The most steps on the page of a workflow.
const MOST_STEPS: u32 = 100;
/// The most bytes of a value in a list.
const LONGEST_VALUE: usize = LONGEST_LINE / 2;
const STATES: [FlowState; 7] = [
    FlowState::Waiting,
    FlowState::Running,
    FlowState::Undoing,
    FlowState::Done,
    FlowState::Failed,
    FlowState::Cancelled,
    FlowState::TimedOut,
];

/// The section of the overview.
pub(super) async fn section(visit: &Visit, workflows: &Workflows) -> Markup {
    const MOST: u32 = 5;
    let content = match workflows.list(&FlowFilter::new().limit(MOST)).await {
        Ok(found) if found.is_empty() => empty("No workflow was started yet."),
        Ok(found) => {
            let link = format!("{}workflows", visit.below);
            html!([flows(visit, &found)] r#"<p><a href=""# (link) r#"">All workflows</a></p>"#)
        }
        Err(error) => fault(&error.into()),
    };
    html!(r#"<section id="workflows"><h2>Workflows</h2>"# [content] "</section>")
}

fn flows(visit: &Visit, flows: &[FlowInfo]) -> Markup {
    let rows = flows.iter().map(|flow| {
        let id = flow.id.as_str();
        let name = html!(
            r#"<a href=""# (visit.workflow(id)) r#"">"# (&flow.name) r#" <span class="quiet">"# (beginning(id, 40)) "</span></a>"
        );
        let what = what(flow.error.as_deref(), Some(&flow.input.to_string()));
        vec![name, badge(flow.state), what, when(visit, flow), actions(visit, flow)]
    });
    table("Workflows", &HEADS, rows.collect())
}

fn what(error: Option<&str>, value: Option<&str>) -> Markup {
    if let Some(line) = error.and_then(|error| error.lines().next()) {
        return html!(r#"<span class="error">"# (beginning(line, LONGEST_LINE)) "</span>");
    }
    let value = value.map(|value| beginning(value, LONGEST_VALUE));
    html!(r#"<code class="quiet">"# (value.unwrap_or_default()) "</code>")
}

fn when(visit: &Visit, flow: &FlowInfo) -> Markup {
    let started = ("started ", flow.started_at);
    let due = flow.due_at.map(|at| ("goes on ", at));
    let ended = flow.ended_at.map(|at| ("ended ", at));
    let (verb, at) = ended.or(due).unwrap_or(started);
    html!((verb)[time(visit.now, at)])
}

fn actions(visit: &Visit, flow: &FlowInfo) -> Markup {
    let id = flow.id.as_str();
    let (action, label) = match flow.state {
        FlowState::Waiting | FlowState::Running => ("cancel", "Cancel"),
        FlowState::Failed | FlowState::TimedOut => ("retry", "Retry"),
        FlowState::Undoing | FlowState::Done | FlowState::Cancelled => {
            return html!(r#"<span class="quiet">–</span>"#);
        }
    };
    let action = format!("{}workflows/{action}", visit.below);
    button(&action, &[("id", id)], (label, &format!("workflow {id}")))
}

fn service(visit: &Visit) -> Result<&Workflows, Problem> {
    visit
        .workflows
        .as_deref()
        .or_not_found("this app has no workflows")
}

/// `GET /workflows`.
pub(super) async fn list(visit: Given<Visit>) -> Answer<Response> {
    let workflows = service(&visit)?;
    let state = visit.query("state");
    let state = STATES
        .into_iter()
        .find(|it| Some(it.to_string().as_str()) == state);
    let mut filter = FlowFilter::new().limit(PAGE + 1);
    if let Some(state) = state {
        filter = filter.state(state);
    }
    if let Some(before) = visit.query("before") {
        filter = filter.before(FlowId::new(before));
    }
    let mut found = workflows.list(&filter).await?;
    let has_more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let content = if found.is_empty() {
        empty("There are no such workflows.")
    } else {
        flows(&visit, &found)
    };
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|flow| flow.id.as_str());
    let query = state.map(|state| format!("state={}&", encoded(&state.to_string())));
    let link = format!("{}workflows?{}", visit.below, query.unwrap_or_default());
    let content = html!(
        r#"<form class="filter" method="get"><label>State <select name="state"><option value="">all</option>"# [options(STATES, state.as_ref())]
        "</select></label> <button>Show</button></form>" [content] [pages(&visit, &link, older)]
    );
    Ok(page(&visit, "Workflows", "Workflows", &content))
}

/// `GET /workflows/{id}`.
pub(super) async fn show(visit: Given<Visit>, Path(id): Path<String>) -> Answer<Response> {
    let workflows = service(&visit)?;
    let id = FlowId::new(id);
    let Some(flow) = workflows.status(&id).await? else {
        return Ok(missing(&visit, &format!("There is no workflow {id}")));
    };
    let steps = steps(&visit, workflows, &id).await?;
    let error = flow.error.as_deref();
    let error = error.map(|error| html!("<h2>Error</h2>"[block("Error", error)]));
    let result = flow.result.as_ref();
    let result = result.map(|result| html!("<h2>Result</h2>"[block("Result", &pretty(result))]));
    let content = html!(
        [facts(&visit, &flow)] r#"<div class="actions">"# [actions(&visit, &flow)] "</div>" [error.unwrap_or_default()]
        "<h2>Steps</h2>" [steps] "<h2>Input</h2>" [block("Input", &pretty(&flow.input))] [result.unwrap_or_default()]
    );
    Ok(page(
        &visit,
        "Workflows",
        &format!("{} {id}", flow.name),
        &content,
    ))
}

async fn steps(visit: &Visit, workflows: &Workflows, id: &FlowId) -> Answer<Markup> {
    // One more of each, which is not shown.
    let characters = u32::try_from(LONGEST_VALUE + 1).unwrap_or(u32::MAX);
    let mut steps = workflows.newest(id, MOST_STEPS + 1, characters).await?;
    if steps.is_empty() {
        return Ok(empty("No step has ended yet."));
    }
    let older = steps.len().saturating_sub(MOST_STEPS as usize);
    let rows = steps.drain(older..);
    let rows = rows.map(|(step, result)| row(visit, &step, result.as_deref()));
    let steps = table("Steps", &STEP_HEADS, rows.collect());
    if older == 0 {
        return Ok(steps);
    }
    let text = format!("There are older steps: these are the newest {MOST_STEPS}.");
    Ok(html!(r#"<p class="quiet">"# (text) "</p>" [steps]))
}

fn facts(visit: &Visit, flow: &FlowInfo) -> Markup {
    let facts = [
        ("State", badge(flow.state)),
        ("Version", html!((flow.version))),
        ("Started", time(visit.now, flow.started_at)),
        ("Ended", time_or(visit.now, flow.ended_at, "not yet")),
    ];
    let due = flow.due_at.map(|at| ("Goes on", time(visit.now, at)));
    definitions(facts.into_iter().chain(due))
}

fn row(visit: &Visit, step: &StepInfo, result: Option<&str>) -> Vec<Markup> {
    let kind = match step.kind {
        StepKind::Step => "step",
        StepKind::Sleep => "pause",
        StepKind::Signal => "signal",
        StepKind::Job => "job",
        StepKind::Workflow => "workflow",
        StepKind::Value => "value",
    };
    let state = match step.state {
        StepState::Waiting => "waiting",
        StepState::Done => "done",
        StepState::Failed => "failed",
        StepState::Undone => "undone",
        StepState::NotUndone => "not undone",
    };
    let ended = step.ended_at.map(|at| ("ended ", at));
    let (verb, at) = ended.unwrap_or(("began ", step.began_at));
    vec![
        html!((&step.name)),
        html!((kind)),
        badge(state),
        what(step.error.as_deref(), result),
        html!((step.attempts)),
        html!((verb)[time(visit.now, at)]),
    ]
}

/// `POST /workflows/cancel`.
pub(super) async fn cancel(visit: Given<Visit>, Form(fields): Fields) -> Answer<Response> {
    let id = FlowId::new(field(&fields, "id")?);
    let workflows = service(&visit)?;
    visit
        .record("workflow.cancel", ("workflow", id.as_str()))
        .await?;
    let is_cancelled = workflows.cancel(&id).await?;
    let notice = if is_cancelled {
        "undoing"
    } else {
        "not-undoing"
    };
    Ok(back(&visit, &id, notice))
}

/// `POST /workflows/retry`.
pub(super) async fn retry(visit: Given<Visit>, Form(fields): Fields) -> Answer<Response> {
    let id = FlowId::new(field(&fields, "id")?);
    let workflows = service(&visit)?;
    visit
        .record("workflow.retry", ("workflow", id.as_str()))
        .await?;
    let is_retried = workflows.retry(&id).await?;
    let notice = if is_retried { "retried" } else { "not-retried" };
    Ok(back(&visit, &id, notice))
}

fn back(visit: &Visit, id: &FlowId, notice: &str) -> Response {
    done(&visit.workflow(id.as_str()), notice)
}
