//! The database of the shop.

use std::ops::Deref;

use bootstrap::prelude::*;
use bootstrap_services::audit::AuditError;
use bootstrap_services::database::{Database, DatabaseError};
use bootstrap_services::jobs::JobError;
use bootstrap_services::workflows::FlowError;
use bootstrap_web::prelude::*;

/// The database, whose tables are those of this version.
pub(crate) struct Store(State<Database>);

impl Deref for Store {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.0
    }
}

#[plugin(name = "store", states = [Store])]
struct StorePlugin {
    database: State<Database>,
}

impl Hooks for StorePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Store> {
        self.database.migrate("shop", sqlx::migrate!()).await?;
        Ok(Store(self.database.clone()))
    }
}

/// Answers 503 to requests that the database can't serve now: the client may try again.
pub(crate) async fn unavailable(problem: std::sync::Arc<Problem>) -> Option<Response> {
    let cause = problem.cause_ref()?;
    let is_database = cause.chain().any(|it| {
        let audit = it.downcast_ref::<AuditError>();
        it.is::<DatabaseError>()
            || it.is::<sqlx::Error>()
            || it.is::<JobError>()
            || it.is::<FlowError>()
            || audit.is_some_and(|it| matches!(it, AuditError::Database(_)))
    });
    let cause = anyhow::anyhow!("{cause:#}");
    is_database.then(|| Problem::unavailable().cause(cause).into_response())
}
