//! Actions on jobs.

use std::time::Duration;

use bootstrap_web::prelude::*;

use crate::jobs::JobId;
use crate::operations::jobs::state;
use crate::operations::visit::{Visit, done};

/// The fields of a form, in their order.
pub(super) type Fields = Form<Vec<(String, String)>>;

/// Returns a field of a form, which the page always sends.
pub(super) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Result<&'a str, Problem> {
    let found = fields.iter().find(|(field, _)| field == name);
    let missing = || Problem::bad_request().detail(format!("the form has no field `{name}`"));
    found.map(|(_, value)| value.as_str()).ok_or_else(missing)
}

/// `POST /jobs/cancel`.
pub(super) async fn cancel(visit: Given<Visit>, Form(fields): Fields) -> Answer<Response> {
    let id = JobId::new(field(&fields, "id")?);
    let jobs = visit.jobs()?;
    visit.record("job.cancel", ("job", id.as_str())).await?;
    let was_cancelled = jobs.cancel(&id).await?;
    let notice = if was_cancelled { "cancelled" } else { "ended" };
    Ok(done(&visit.job(id.as_str()), notice))
}

/// `POST /jobs/requeue`, for each field `id`.
pub(super) async fn requeue(visit: Given<Visit>, Form(fields): Fields) -> Answer<Response> {
    let jobs = visit.jobs()?;
    let ids = fields.iter().filter(|(name, _)| name == "id");
    let ids: Vec<_> = ids.map(|(_, id)| JobId::new(id)).collect();
    let mut requeued = 0;
    for id in &ids {
        visit.record("job.requeue", ("job", id.as_str())).await?;
        requeued += u32::from(jobs.requeue(id).await?);
    }
    let notice = if requeued == 0 {
        "not-requeued"
    } else {
        "requeued"
    };
    let page = match &ids[..] {
        [id] => visit.job(id.as_str()),
        _ => format!("{}jobs?state=dead&count={requeued}", visit.below),
    };
    Ok(done(&page, notice))
}

/// `POST /jobs/remove`.
pub(super) async fn remove(visit: Given<Visit>, Form(fields): Fields) -> Answer<Response> {
    let id = JobId::new(field(&fields, "id")?);
    let jobs = visit.jobs()?;
    visit.record("job.remove", ("job", id.as_str())).await?;
    let found = jobs.find(&id).await?;
    let is_removed = jobs.remove(&id).await?;
    let (page, notice) = match found.filter(|_| is_removed) {
        Some(job) => (
            format!("{}jobs?state={}", visit.below, job.state),
            "removed",
        ),
        None => (visit.job(id.as_str()), "not-removed"),
    };
    Ok(done(&page, notice))
}

/// `POST /jobs/purge`.
pub(super) async fn purge(visit: Given<Visit>, Form(fields): Fields) -> Answer<Response> {
    let bad = |what| move || Problem::bad_request().detail(what);
    let state = state(field(&fields, "state")?);
    let state = state.filter(|state| state.has_ended());
    let state = state.ok_or_else(bad("`state` must be `done`, `dead` or `cancelled`"))?;
    let hours = field(&fields, "hours")?.parse::<u32>().ok();
    let hours = hours.ok_or_else(bad("`hours` must be a whole number"))?;
    let jobs = visit.jobs()?;
    let what = format!("{state}, ended {hours} hours ago");
    visit.record("job.purge", ("jobs", &what)).await?;
    let purged = jobs
        .purge(state, Duration::from_hours(hours.into()))
        .await?;
    let notice = if purged == 0 {
        "nothing-to-purge"
    } else {
        "purged"
    };
    let page = format!("{}jobs?state={state}&count={purged}", visit.below);
    Ok(done(&page, notice))
}
