//! Orders: paid and shipped within three days, or paid back and back in stock.
//!
//! Each change of its status names the status before, so one that is done twice has no effect the second time, and an order that was cancelled stays so.

use std::time::Duration;

use anyhow::{anyhow, ensure};
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::database::Tx;
use bootstrap_services::jobs::JobFailure;
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
        cx.step("reserve", || self.change(order, reserve))
            .undo(move |()| self.change(order, release))
            .await?;
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

/// The product left the stock in the transaction that took the order. After this step, an order that fails puts it back.
async fn reserve(tx: &mut Tx, order: i64) -> Result<()> {
    let look = "SELECT EXISTS (SELECT 1 FROM orders WHERE id = ? AND status <> 'cancelled')";
    let is_wanted = sqlx::query_scalar(look).bind(order);
    if is_wanted.fetch_one(&mut **tx).await? {
        return Ok(());
    }
    // A retry of a workflow that has failed does not revive its order.
    Err(JobFailure::fatal(anyhow!(
        "the order {order} was cancelled"
    )))
}

/// Puts the product back on the shelf.
async fn release(tx: &mut Tx, order: i64) -> Result<()> {
    cancel_order(tx, order).await?;
    Ok(())
}

/// A bank would be called with the number of the order, so that it charges once.
async fn charge(tx: &mut Tx, order: i64) -> Result<()> {
    if set_status(tx, order, "placed", "paid").await? {
        let pay =
            "INSERT INTO payments (\"order\", cents) SELECT id, cents FROM orders WHERE id = ?";
        sqlx::query(pay).bind(order).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Pays back what was paid, once.
async fn refund(tx: &mut Tx, order: i64) -> Result<()> {
    let pay_back = "UPDATE payments SET refunds = refunds + 1 WHERE \"order\" = ? AND refunds = 0";
    sqlx::query(pay_back).bind(order).execute(&mut **tx).await?;
    Ok(())
}

async fn close(tx: &mut Tx, order: i64) -> Result<()> {
    set_status(tx, order, "paid", "shipped").await?;
    Ok(())
}

/// Returns whether the order had the status before.
async fn set_status(tx: &mut Tx, order: i64, from: &str, to: &str) -> Result<bool> {
    let set = sqlx::query("UPDATE orders SET status = ? WHERE id = ? AND status = ?");
    let set = set.bind(to).bind(order).bind(from);
    Ok(set.execute(&mut **tx).await?.rows_affected() == 1)
}

/// Cancels an order that was not shipped, and puts its product back on the shelf. Returns whether it was such an order.
async fn cancel_order(tx: &mut Tx, order: i64) -> sqlx::Result<bool> {
    let cancel =
        "UPDATE orders SET status = 'cancelled' WHERE id = ? AND status IN ('placed', 'paid')";
    let cancelled = sqlx::query(cancel).bind(order).execute(&mut **tx).await?;
    if cancelled.rows_affected() == 0 {
        return Ok(false);
    }
    let restock = "UPDATE products SET stock = stock + o.quantity FROM orders AS o WHERE o.id = ? AND products.id = o.product";
    sqlx::query(restock).bind(order).execute(&mut **tx).await?;
    Ok(true)
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

/// The order is not wanted any more. Its product is back on the shelf at once, also if its workflow has not begun; the workflow pays back what was paid.
async fn cancel(
    store: State<Store>,
    workflows: State<Workflows>,
    Path(order): Path<i64>,
) -> Result<StatusCode, Problem> {
    let cancelled = store.write(async |mut tx| -> Result<bool, Problem> {
        let is_open = cancel_order(&mut tx, order).await?;
        if is_open {
            // A workflow that has failed just now pays back as well.
            workflows.cancel_in(&mut tx, &Fulfil { order }.id()).await?;
        }
        Ok(is_open)
    });
    if cancelled.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::conflict().detail("it was shipped or cancelled before"))
    }
}
