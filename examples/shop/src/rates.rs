//! Exchange rates, from a program in Python that the shop supervises.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::database::Tx;
use bootstrap_services::processes::{ChildEvent, Definition, Processes, RestartPolicy};
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};

use crate::images::python;
use crate::store::{Store, unavailable};

/// Emits a rate now and then, for ever.
const PROGRAM: &str = include_str!("../programs/rates.py");

/// Owns the program.
#[plugin(name = "exchange", enabled = "exchange.enabled")]
struct Exchange {
    processes: State<Processes>,
    // Its tables are those of this version.
    _store: State<Store>,
}

#[derive(Serialize, Deserialize, sqlx::FromRow)]
struct Rate {
    currency: String,
    rate: f64,
}

impl Hooks for Exchange {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.processes.define("rates", definition())?;
        Ok(())
    }

    /// Without Python, the shop has no rates.
    async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
        if let Err(error) = self.processes.ensure("rates", &()).await {
            cx.report_error(error);
        }
        Ok(())
    }
}

/// A rate is stored in the transaction that acknowledges it, so each counts once.
fn definition() -> Definition {
    python(PROGRAM)
        .restart(RestartPolicy::Always)
        .heartbeat(Duration::from_secs(10))
        .max_rss(256 << 20)
        .on_event_in(keep)
}

async fn keep(event: ChildEvent, mut tx: Tx) -> Result<()> {
    let keep = "INSERT INTO rates (currency, rate, number) VALUES (?, ?, 1)
                ON CONFLICT (currency) DO UPDATE SET rate = excluded.rate, number = number + 1";
    let Rate { currency, rate } = event.data()?;
    let keep = sqlx::query(keep).bind(currency).bind(rate);
    keep.execute(&mut *tx).await?;
    Ok(())
}

#[routes(name = "rates")]
fn rates() -> impl RouteSet {
    Routes::new().on_error(unavailable).get("/rates", list)
}

async fn list(store: State<Store>) -> Result<Json<Vec<Rate>>, Problem> {
    let all = sqlx::query_as("SELECT currency, rate FROM rates ORDER BY currency");
    Ok(Json(all.fetch_all(store.read()).await?))
}
