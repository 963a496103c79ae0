//! What becomes of an order: it is paid, and shipped within three days; or paid back.

use std::time::Duration;

use anyhow::ensure;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::database::Tx;
use bootstrap_services::workflows::{Flow, FlowId, Runs, Workflow, Workflows, workflow};
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};

use crate::operations::local;
use crate::store::{Store, unavailable};

/// How long a customer waits.
const PATIENCE: Duration = Duration::from_hours(72);

/// Fulfils an order. It is started in the transaction that takes the order.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Fulfil {
    order: i64,
}

impl Fulfil {
    pub(crate) fn new(order: i64) -> Self {
        Self { order }
    }

    /// Its id, which is that of one order.
    pub(crate) fn id(self) -> FlowId {
        FlowId::new(format!("order-{}", self.order))
    }
}

impl Workflow for Fulfil {
    const NAME: &'static str = "fulfil";
    type Output = ();
}

#[workflow(Fulfil)]
struct Fulfilment {
    store: State<Store>,
}

impl Hooks for Fulfilment {}

#[async_trait]
impl Runs<Fulfil> for Fulfilment {
    async fn run(&self, input: Fulfil, cx: &Flow) -> Result<()> {
        let Fulfil { order } = input;
        cx.step("charge", || self.change(order, charge))
            .attempts(8)
            .undo(move |()| self.change(order, refund))
            .await?;
        let shipped = cx.signal::<()>("shipped").within(PATIENCE).await?;
        ensure!(
            shipped.is_some(),
            "the order was not shipped within {PATIENCE:?}"
        );
        cx.step("close", || self.change(order, close)).await?;
        Ok(())
    }
}

impl Fulfilment {
    async fn change(
        &self,
        order: i64,
        change: impl AsyncFn(&mut Tx, i64) -> Result<()>,
    ) -> Result<()> {
        let changed = self
            .store
            .write(async |mut tx| change(&mut tx, order).await);
        changed.await
    }
}

/// A bank would be called with the number of the order, so that it charges once.
async fn charge(tx: &mut Tx, order: i64) -> Result<()> {
    let pay = "INSERT INTO payments (\"order\", cents) SELECT id, cents FROM orders WHERE id = ? ON CONFLICT DO NOTHING";
    sqlx::query(pay).bind(order).execute(&mut **tx).await?;
    set_status(tx, order, "paid").await
}

/// Pays back, and puts the product back on the shelf.
async fn refund(tx: &mut Tx, order: i64) -> Result<()> {
    let pay_back = "UPDATE payments SET refunds = refunds + 1 WHERE \"order\" = ?";
    sqlx::query(pay_back).bind(order).execute(&mut **tx).await?;
    let restock = "UPDATE products SET stock = stock + o.quantity FROM orders AS o WHERE o.id = ? AND products.id = o.product";
    sqlx::query(restock).bind(order).execute(&mut **tx).await?;
    set_status(tx, order, "cancelled").await
}

async fn close(tx: &mut Tx, order: i64) -> Result<()> {
    set_status(tx, order, "shipped").await
}

async fn set_status(tx: &mut Tx, order: i64, status: &str) -> Result<()> {
    let set = sqlx::query("UPDATE orders SET status = ? WHERE id = ?");
    set.bind(status).bind(order).execute(&mut **tx).await?;
    Ok(())
}

#[routes(name = "shipping", management)]
fn shipping() -> impl RouteSet {
    Routes::new()
        .on_error(unavailable)
        .before_handle(local)
        .put("/orders/{id}/shipped", ship)
        .put("/orders/{id}/cancelled", cancel)
}

/// The order has left the house.
async fn ship(workflows: State<Workflows>, Path(order): Path<i64>) -> Result<StatusCode, Problem> {
    workflows
        .signal(&Fulfil { order }.id(), "shipped", &())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The order is not wanted any more: what was paid is paid back.
async fn cancel(
    workflows: State<Workflows>,
    Path(order): Path<i64>,
) -> Result<StatusCode, Problem> {
    if workflows.cancel(&Fulfil { order }.id()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::conflict().detail("it was shipped or cancelled before"))
    }
}
