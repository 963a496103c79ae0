//! The routes.

use std::sync::Arc;

use bootstrap_web::prelude::*;

use crate::operations::counts::Counts;
#[cfg(feature = "cron")]
use crate::operations::cron;
use crate::operations::files::{icon, script, style};
#[cfg(all(unix, feature = "processes"))]
use crate::operations::processes;
use crate::operations::visit::{Place, visit};
#[cfg(feature = "workflows")]
use crate::operations::workflows;
use crate::operations::{GivesOperator, actions, frame, jobs, origin, overview};

/// The longest body of a form, in bytes.
const LONGEST_FORM: usize = 64 << 10;

/// Adds the page for operators to a set: `.nest("/operations", operations::page)`.
///
/// It has the jobs and their queues, the schedules of cron, the supervised processes and the workflows of the app, as far as the app has these services. It shows payloads and errors of jobs, and
/// can cancel jobs and stop processes. So a hook in front of it must give an [`Operator`](crate::operations::Operator).
///
/// All actions are `POST`s, which are refused with 403 if they come from a page of another origin. They are logged, and recorded by
/// [`Audit`](crate::audit::Audit) if the app has it.
///
/// # Examples
///
/// ```
/// use bootstrap_services::operations::{self, Operator};
/// use bootstrap_web::prelude::*;
///
/// async fn operator(headers: HeaderMap) -> Answer<Give<Operator>> {
///     let name = headers.get("x-user").ok_or_else(Problem::unauthorized)?;
///     Ok(Give(Operator::new(name.to_str()?)))
/// }
///
/// #[routes]
/// fn admin() -> impl RouteSet {
///     Routes::new().before_handle(operator).nest("/operations", operations::page)
/// }
/// # fn main() {}
/// ```
///
/// Without such a hook it does not compile:
///
/// ```compile_fail,E0277
/// use bootstrap_services::operations;
/// use bootstrap_web::prelude::*;
///
/// #[routes]
/// fn admin() -> impl RouteSet {
///     Routes::new().nest("/operations", operations::page)
/// }
/// # fn main() {}
/// ```
#[track_caller]
pub fn page<V, I>(routes: Routes<V>) -> Routes<V>
where
    V: GivesOperator<I> + 'static,
{
    let counts = Arc::new(Counts::default());
    let below = move |depth| {
        let counts = counts.clone();
        move || {
            Give(Place {
                depth,
                counts: counts.clone(),
            })
        }
    };
    routes.group(|routes| {
        routes
            .on_error(frame::failure)
            .body_limit(LONGEST_FORM)
            .before_handle(origin::same_origin)
            .group(|root| {
                let root = root.before_handle(below(0)).before_handle(visit);
                root.get("/", overview::show)
            })
            .group(|lists| {
                let lists = lists.before_handle(below(1)).before_handle(visit);
                let lists = lists.get("/jobs", jobs::list);
                #[cfg(feature = "workflows")]
                let lists = lists.get("/workflows", workflows::list);
                lists
                    .get("/page.css", style)
                    .get("/page.js", script)
                    .get("/icon.svg", icon)
            })
            .group(|things| {
                let things = things
                    .before_handle(below(2))
                    .before_handle(visit)
                    .get("/jobs/{id}", jobs::show)
                    .post("/jobs/cancel", actions::cancel)
                    .post("/jobs/requeue", actions::requeue)
                    .post("/jobs/remove", actions::remove)
                    .post("/jobs/purge", actions::purge);
                #[cfg(feature = "cron")]
                let things = things
                    .post("/schedules/pause", cron::pause)
                    .post("/schedules/resume", cron::resume)
                    .post("/schedules/trigger", cron::trigger);
                #[cfg(all(unix, feature = "processes"))]
                let things = things
                    .post("/processes/restart", processes::restart)
                    .post("/processes/stop", processes::stop);
                #[cfg(feature = "workflows")]
                let things = things
                    .get("/workflows/{id}", workflows::show)
                    .post("/workflows/cancel", workflows::cancel)
                    .post("/workflows/retry", workflows::retry);
                things
            })
    })
}
