//! The queues of the jobs that this process handles.

use crate::jobs::{JobState, JobWorker, Jobs, QueueInfo};
use crate::operations::counts::Counted;
use crate::operations::html::{Markup, html, table};
use crate::operations::visit::Visit;

const HEADS: [&str; 6] = ["Queue", "Jobs", "Ready", "Runs here", "At once", "Rate"];

/// The section of the overview, for a process that runs jobs.
pub(super) async fn section(visit: &Visit, jobs: &Jobs) -> Option<Markup> {
    let worker = jobs.worker().filter(|worker| worker.concurrency() > 0)?;
    // The section of the jobs shows why they can't be counted.
    let counted = visit.counts(jobs).await.ok();
    let queues = worker.queues();
    let rows = queues.iter().map(|queue| row(queue, counted.as_ref()));
    let table = table("Queues", &HEADS, rows.collect());
    Some(html!(
        r#"<section id="queues"><h2>Queues</h2>"# [table] [caption(&worker)] "</section>"
    ))
}

fn caption(worker: &JobWorker) -> Markup {
    html!(
        r#"<p class="quiet">This process runs at most "# (worker.concurrency())
        " jobs at the same time, of all queues.</p>"
    )
}

fn row(queue: &QueueInfo, counted: Option<&Counted>) -> Vec<Markup> {
    let ready = counted.map(|counted| html!((ready(queue, counted))));
    let at_once = match queue.limits.most_at_once() {
        Some(0) => Some(html!("0, left to other processes")),
        most => most.map(|most| html!((most))),
    };
    let rate = queue.limits.most_in();
    let rate = rate.map(|(count, period)| html!((count) " in " (format!("{period:?}"))));
    vec![
        html!((&queue.name)),
        html!((queue.jobs.join(", "))),
        or_dash(ready),
        html!((queue.running)),
        or_dash(at_once),
        or_dash(rate),
    ]
}

fn ready(queue: &QueueInfo, counted: &Counted) -> u64 {
    let counts = counted.counts.iter();
    let counts = counts.filter(|it| it.state == JobState::Ready);
    let counts = counts.filter(|it| queue.jobs.contains(&it.name.as_str()));
    counts.map(|it| it.count).sum()
}

fn or_dash(cell: Option<Markup>) -> Markup {
    cell.unwrap_or_else(|| html!(r#"<span class="quiet">–</span>"#))
}
