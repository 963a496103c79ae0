//! The request of an operator, as handlers take it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use bootstrap::{RequestState, State};
use bootstrap_web::prelude::*;

#[cfg(feature = "audit")]
use crate::audit::{Audit, Entry};
use crate::clock::Clock;
#[cfg(feature = "cron")]
use crate::cron::Cron;
use crate::jobs::{JobError, Jobs};
use crate::operations::Operator;
use crate::operations::counts::{Counted, Counts};
use crate::operations::html::encoded;
#[cfg(all(unix, feature = "processes"))]
use crate::processes::Processes;
#[cfg(feature = "workflows")]
use crate::workflows::Workflows;

/// Where a route is: how many segments below the root of the page.
pub(super) struct Place {
    pub(super) depth: usize,
    pub(super) counts: Arc<Counts>,
}

/// The request of an operator, and the services that the app has.
pub(super) struct Visit {
    pub(super) operator: String,
    /// The overview, relative to the path of the request: so a proxy may serve the page below another prefix.
    pub(super) root: String,
    /// The prefix of links to pages below the overview, as `jobs`.
    pub(super) below: String,
    query: HashMap<String, String>,
    pub(super) now: SystemTime,
    clock: State<Clock>,
    counts: Arc<Counts>,
    jobs: Option<State<Jobs>>,
    #[cfg(feature = "cron")]
    pub(super) cron: Option<State<Cron>>,
    #[cfg(all(unix, feature = "processes"))]
    pub(super) processes: Option<State<Processes>>,
    #[cfg(feature = "workflows")]
    pub(super) workflows: Option<State<Workflows>>,
    #[cfg(feature = "audit")]
    audit: Option<State<Audit>>,
}

/// A hook that collects the services. All but the clock are optional, so that the page requires no service.
#[allow(clippy::too_many_arguments, reason = "the services are arguments")]
pub(super) async fn visit(
    place: Given<Place>,
    uri: Uri,
    clock: State<Clock>,
    jobs: Option<State<Jobs>>,
    #[cfg(feature = "cron")] cron: Option<State<Cron>>,
    #[cfg(all(unix, feature = "processes"))] processes: Option<State<Processes>>,
    #[cfg(feature = "workflows")] workflows: Option<State<Workflows>>,
    #[cfg(feature = "audit")] audit: Option<State<Audit>>,
) -> Answer<Give<Visit>> {
    // `GivesOperator` proves that a hook in front gives it.
    let operator = RequestState::<Operator>::new().try_get()?;
    let (root, below) = links(uri.path(), place.depth);
    Ok(Give(Visit {
        operator: operator.name().to_owned(),
        root,
        below,
        query: Query::try_from_uri(&uri)
            .map(|Query(query)| query)
            .unwrap_or_default(),
        now: clock.now(),
        clock,
        counts: place.counts.clone(),
        jobs,
        #[cfg(feature = "cron")]
        cron,
        #[cfg(all(unix, feature = "processes"))]
        processes,
        #[cfg(feature = "workflows")]
        workflows,
        #[cfg(feature = "audit")]
        audit,
    }))
}

impl Visit {
    /// A value of the query that is not empty.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let value = self.query.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    pub(super) fn jobs(&self) -> Result<&Jobs, Problem> {
        self.jobs.as_deref().or_not_found("this app has no jobs")
    }

    pub(super) async fn counts(&self, jobs: &Jobs) -> Result<Counted, JobError> {
        self.counts.read(jobs, &self.clock).await
    }

    /// A link to a job.
    pub(super) fn job(&self, id: &str) -> String {
        format!("{}jobs/{}", self.below, encoded(id))
    }

    /// A link to a workflow.
    pub(super) fn workflow(&self, id: &str) -> String {
        format!("{}workflows/{}", self.below, encoded(id))
    }

    /// Records an action before it is done. It is not done if this fails.
    #[cfg_attr(
        not(feature = "audit"),
        allow(clippy::unused_async, reason = "the log is written at once")
    )]
    pub(super) async fn record(
        &self,
        action: &'static str,
        (kind, id): (&'static str, &str),
    ) -> Result<(), Problem> {
        #[cfg(feature = "audit")]
        if let Some(audit) = &self.audit {
            let entry = Entry::new(action).actor(&self.operator);
            audit.record(entry.target(kind, id)).await?;
        }
        tracing::info!(
            operator = self.operator,
            action,
            kind,
            id,
            "an operator acts"
        );
        Ok(())
    }
}

/// Sends the browser to a page that reports what was done.
pub(super) fn done(page: &str, notice: &str) -> Response {
    let mark = if page.contains('?') { '&' } else { '?' };
    let (page, fragment) = page.split_at(page.find('#').unwrap_or(page.len()));
    let location = format!("{page}{mark}notice={notice}{fragment}");
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// The overview and what is below it, for a page `depth` segments below.
fn links(path: &str, depth: usize) -> (String, String) {
    let mut segments = path.rsplit('/');
    let prefix = segments.nth(depth).unwrap_or_default();
    match depth {
        // `./`, so that a colon in the prefix ends no scheme.
        0 if prefix.is_empty() => ("./".to_owned(), "./".to_owned()),
        0 => (format!("./{prefix}"), format!("./{prefix}/")),
        1 => (format!("../{prefix}"), "./".to_owned()),
        _ => (
            format!("{}{prefix}", "../".repeat(depth)),
            "../".repeat(depth - 1),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::links;

    fn is(path: &str, depth: usize, root: &str, below: &str) {
        assert_eq!(
            links(path, depth),
            (root.to_owned(), below.to_owned()),
            "{path}"
        );
    }

    #[test]
    fn links_are_relative_to_the_path_of_the_request() {
        is("/admin/operations", 0, "./operations", "./operations/");
        is("/admin/operations/jobs", 1, "../operations", "./");
        is("/admin/operations/jobs/7", 2, "../../operations", "../");
        is("/", 0, "./", "./");
        is("/jobs", 1, "../", "./");
        is("/jobs/7", 2, "../../", "../");
    }
}
