//! The report of a day, every night, and what operators may look at.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::cron::{CronContext, CronTask, cron};
use bootstrap_web::prelude::*;
use serde::Serialize;

use crate::accounts::{forget_expired, seconds};
use crate::operations::local;
use crate::store::{Store, unavailable};

const DAY: Duration = Duration::from_hours(24);

/// Sums up the orders of the last 24 hours, and forgets sessions that have expired. If no instance runs at that time, the next one that starts does it.
#[cron("0 3 * * *", zone = "Europe/Berlin", missed = once)]
struct Report {
    store: State<Store>,
}

impl CronTask for Report {
    async fn run(&self, cx: &CronContext) -> Result<()> {
        let at = cx.scheduled_at();
        let (from, until) = (seconds(at - DAY), seconds(at));
        let sum = "INSERT INTO reports (until, orders, cents)
                   SELECT ?1, count(*), coalesce(sum(cents), 0) FROM orders WHERE placed >= ?2 AND placed < ?1";
        self.store
            .write(async |mut tx| -> Result<()> {
                sqlx::query(sum)
                    .bind(until)
                    .bind(from)
                    .execute(&mut *tx)
                    .await?;
                forget_expired(&mut tx, at).await
            })
            .await
    }
}

#[routes(name = "office", management)]
fn office() -> impl RouteSet {
    Routes::new()
        .on_error(unavailable)
        .before_handle(local)
        .get("/reports", list)
}

#[derive(Serialize, sqlx::FromRow)]
struct Row {
    until: i64,
    orders: i64,
    cents: i64,
}

async fn list(store: State<Store>) -> Result<Json<Vec<Row>>, Problem> {
    let all =
        sqlx::query_as("SELECT until, orders, cents FROM reports ORDER BY id DESC LIMIT 1000");
    Ok(Json(all.fetch_all(store.read()).await?))
}
