//! The frame of each page, and pages for failures.

use std::sync::Arc;

use bootstrap::RequestState;
use bootstrap_web::prelude::*;

use crate::operations::html::{Markup, encoded, html};
use crate::operations::visit::Visit;

/// Nothing from elsewhere, nothing inline, and no frame of another page around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A page. `here` is the page of the navigation that it belongs to.
pub(super) fn page(visit: &Visit, here: &str, title: &str, content: &Markup) -> Response {
    let below = &visit.below;
    let document = html!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>"#
        (title) r#" · Operations</title><link rel="icon" href=""# (below) r#"icon.svg"><link rel="stylesheet" href=""# (below)
        r#"page.css"><script src=""# (below) r##"page.js" defer></script></head><body><a class="skip" href="#main">Skip to the content</a><header>"##
        [navigation(visit, here)]
        r#"<p class="who"><label id="refresh" hidden><input type="checkbox" checked> Refresh</label> <span>Operator: "# (&visit.operator)
        r#"</span></p></header><main id="main" tabindex="-1">"# [notice(visit)] "<h1>" (title) "</h1>" [content] "</main></body></html>"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // `no-referrer` would make the `Origin` of the forms `null`.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (headers, Html(document.into_string())).into_response()
}

fn navigation(visit: &Visit, here: &str) -> Markup {
    let jobs = format!("{}jobs", visit.below);
    let link = |href: &str, name: &'static str| {
        let current = if name == here { "page" } else { "false" };
        html!(r#"<li><a href=""# (href) r#"" aria-current=""# (current) r#"">"# (name) "</a></li>")
    };
    let jobs = visit.jobs().ok().map(|_| link(&jobs, "Jobs"));
    #[cfg(feature = "workflows")]
    let workflows = visit
        .workflows
        .as_ref()
        .map(|_| link(&format!("{}workflows", visit.below), "Workflows"));
    #[cfg(not(feature = "workflows"))]
    let workflows = None;
    let workflows: Option<Markup> = workflows;
    html!(
        r#"<nav aria-label="Operations"><ul>"# [link(&visit.root, "Overview")] [jobs.unwrap_or_default()] [workflows.unwrap_or_default()]
        "</ul></nav>"
    )
}

/// Reports the last action. The texts are fixed, so that no link can make the page report anything else.
fn notice(visit: &Visit) -> Markup {
    let text = match visit.query("notice") {
        Some("cancelled") => {
            "Cancelled. A job that runs is asked to end, and dropped a second later."
        }
        Some("ended") => {
            "Not cancelled: the job has ended, or resumes a workflow: cancel that instead."
        }
        Some("requeued") => "Requeued.",
        Some("not-requeued") => {
            "Not requeued: it is neither dead nor cancelled, or another job has its unique key."
        }
        Some("removed") => "Removed.",
        Some("not-removed") => "Not removed: the job has not ended, or does not exist.",
        Some("purged") => "Purged.",
        Some("nothing-to-purge") => "Nothing was purged: no job ended in this state so long ago.",
        Some("paused") => "Paused in this instance, until it is resumed or restarted.",
        Some("resumed") => "Resumed.",
        Some("triggered") => "Triggered.",
        Some("undoing") => "Cancelled. What the workflow has done is being undone.",
        Some("not-undoing") => "Not cancelled: the workflow has ended, or is being undone already.",
        Some("retried") => "It goes on at the step that failed.",
        Some("not-retried") => "Not retried: it has neither failed nor timed out.",
        Some("restarted") => "Restarted.",
        Some("stopped") => "Stopped.",
        _ => return Markup::default(),
    };
    let count = visit
        .query("count")
        .and_then(|count| count.parse::<u64>().ok());
    let count = count.map(|count| format!("{count} × ")).unwrap_or_default();
    html!(r#"<p class="notice" role="status">"# (count) (text) "</p>")
}

/// The links to other pages of a list, which is at `link` with all of its query. `last` is the last of this page, if there are older ones.
pub(super) fn pages(visit: &Visit, link: &str, last: Option<&str>) -> Markup {
    let newest = link.trim_end_matches(['?', '&']);
    let newest = visit
        .query("before")
        .map(|_| html!(r#"<a href=""# (newest) r#"">Newest</a>"#));
    let older = last.map(
        |last| html!(r#"<a rel="next" href=""# (link) "before=" (encoded(last)) r#"">Older</a>"#),
    );
    html!(
        r#"<nav class="pages" aria-label="Pages of the list">"# [newest.unwrap_or_default()] " " [older.unwrap_or_default()]
        "</nav>"
    )
}

/// A page for a thing that does not exist.
pub(super) fn missing(visit: &Visit, text: &str) -> Response {
    let back = html!(r#"<p><a href=""# (&visit.root) r#"">Back to the overview</a></p>"#);
    (StatusCode::NOT_FOUND, page(visit, "", text, &back)).into_response()
}

/// A part of a page that can't be shown.
pub(super) fn fault(error: &anyhow::Error) -> Markup {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Most errors have their cause in their own text.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    html!(r#"<p class="fault">"# (text) "</p>")
}

/// A hook that shows the cause of a failure, which no other client gets, to an operator. The log has it as well.
#[allow(clippy::needless_pass_by_value, reason = "hooks for errors take it so")]
pub(super) fn failure(problem: Arc<Problem>) -> Option<Response> {
    // Given to operators alone.
    let visit = RequestState::<Visit>::new().get()?;
    let status = problem.status();
    let cause = problem.cause_ref().filter(|_| status.is_server_error())?;
    let content =
        html!([fault(cause)] r#"<p><a href=""# (&visit.root) r#"">Back to the overview</a></p>"#);
    Some((status, page(&visit, "", "This failed", &content)).into_response())
}
