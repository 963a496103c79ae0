//! The overview.

use bootstrap_web::prelude::*;

use crate::jobs::{JobState, Jobs};
#[cfg(feature = "cron")]
use crate::operations::cron;
use crate::operations::frame::page;
use crate::operations::html::{Markup, html};
use crate::operations::jobs::{counts, empty, newest};
#[cfg(all(unix, feature = "processes"))]
use crate::operations::processes;
use crate::operations::queues;
use crate::operations::visit::Visit;
#[cfg(feature = "workflows")]
use crate::operations::workflows;

/// `GET /`: a section for each service that the app has. One that fails leaves the others as they are.
pub(super) async fn show(visit: Given<Visit>) -> Answer<Response> {
    let mut sections = Vec::new();
    if let Ok(jobs) = visit.jobs() {
        sections.push(jobs_sections(&visit, jobs).await);
    }
    #[cfg(feature = "cron")]
    sections.extend(visit.cron.as_ref().map(|cron| cron::section(&visit, cron)));
    #[cfg(all(unix, feature = "processes"))]
    sections.extend(
        visit
            .processes
            .as_ref()
            .map(|it| processes::section(&visit, it)),
    );
    #[cfg(feature = "workflows")]
    if let Some(workflows) = &visit.workflows {
        sections.push(workflows::section(&visit, workflows).await);
    }
    if sections.is_empty() {
        sections.push(empty("This app has no service that is shown here."));
    }
    let sections = sections.into_iter().collect();
    Ok(page(&visit, "Overview", "Overview", &sections))
}

async fn jobs_sections(visit: &Visit, jobs: &Jobs) -> Markup {
    const DEAD: (JobState, &str) = (JobState::Dead, "Dead letters");
    const RUNNING: (JobState, &str) = (JobState::Running, "Running");
    const SCHEDULED: (JobState, &str) = (JobState::Scheduled, "Scheduled");
    html!(
        "<section><h2>Jobs</h2>" [counts(visit, jobs).await] "</section>"
        [queues::section(visit, jobs).await.unwrap_or_default()]
        [newest(visit, jobs, DEAD, "There are no dead letters.").await]
        [newest(visit, jobs, RUNNING, "No job runs.").await]
        [newest(visit, jobs, SCHEDULED, "No job waits for its time.").await]
    )
}
