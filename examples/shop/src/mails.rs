//! Mails: a mail leaves if, and only if, what it is about is stored.

use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::jobs::{Handles, Job, JobContext, JobPolicy, job_handler};
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};

use crate::operations::local;
use crate::store::{Store, unavailable};

/// Greets a new customer.
#[derive(Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) account: i64,
}

impl Job for Welcome {
    const NAME: &'static str = "welcome";

    fn policy() -> JobPolicy {
        JobPolicy::new().queue("mail").attempts(8)
    }
}

/// Sends mails. This one writes them to a table, in place of a mail server.
#[job_handler(Welcome)]
struct Welcomes {
    store: State<Store>,
}

impl Hooks for Welcomes {}

#[async_trait]
impl Handles<Welcome> for Welcomes {
    /// A job may run twice, so the table refuses a second mail of a kind.
    async fn handle(&self, job: Welcome, _: &JobContext) -> Result<()> {
        let send = "INSERT INTO mails (account, kind, recipient) SELECT id, 'welcome', email FROM accounts WHERE id = ?
                    ON CONFLICT DO NOTHING";
        self.store
            .write(async |mut tx| -> Result<()> {
                sqlx::query(send)
                    .bind(job.account)
                    .execute(&mut *tx)
                    .await?;
                Ok(())
            })
            .await
    }
}

#[routes(name = "mails", management)]
fn mails() -> impl RouteSet {
    Routes::new()
        .on_error(unavailable)
        .before_handle(local)
        .get("/mails", list)
}

#[derive(Serialize, sqlx::FromRow)]
struct Mail {
    account: i64,
    kind: String,
    recipient: String,
}

async fn list(store: State<Store>) -> Result<Json<Vec<Mail>>, Problem> {
    let all = "SELECT account, kind, recipient FROM mails ORDER BY id DESC LIMIT 1000";
    Ok(Json(sqlx::query_as(all).fetch_all(store.read()).await?))
}
