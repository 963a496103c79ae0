//! Orders: an order that was acknowledged is on the disk, once, and its product left the stock.

use bootstrap::prelude::*;
use bootstrap_services::audit::{Audit, Entry};
use bootstrap_services::clock::Clock;
use bootstrap_services::database::Tx;
use bootstrap_services::events::{Event, EventContext, Events, Handler, event_handler};
use bootstrap_services::sse::{SseEvent, SseHub};
use bootstrap_services::workflows::Workflows;
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};

use crate::accounts::{User, authenticate, seconds};
use crate::catalogue::{Catalogue, missing};
use crate::fulfilment::Fulfil;
use crate::store::{Store, unavailable};

#[derive(Event, Serialize, Deserialize)]
#[event(name = "order.placed")]
pub(crate) struct OrderPlaced {
    pub(crate) product: i64,
    quantity: i64,
}

#[derive(Serialize, sqlx::FromRow)]
struct Order {
    id: i64,
    reference: String,
    product: i64,
    quantity: i64,
    cents: i64,
    /// `placed`, `paid`, `shipped` or `cancelled`.
    status: String,
}

#[derive(Deserialize, garde::Validate)]
struct NewOrder {
    /// A name that the client chooses: an order that is sent again is the same order.
    #[garde(length(min = 1, max = 100))]
    reference: String,
    #[garde(skip)]
    product: i64,
    #[garde(range(min = 1, max = 1000))]
    quantity: i64,
}

#[routes(name = "orders")]
fn orders() -> impl RouteSet {
    Routes::new()
        .on_error(unavailable)
        .before_handle(authenticate)
        .get("/orders", list)
        .post("/orders", place)
}

/// Browsers watch what is left of the products that are ordered.
#[routes(name = "stock")]
fn stock() -> impl RouteSet {
    Routes::new().get("/stock", async |hub: State<SseHub>, headers: HeaderMap| {
        hub.response(&["stock"], &headers).await
    })
}

async fn list(store: State<Store>, user: Given<User>) -> Result<Json<Vec<Order>>, Problem> {
    let mine = "SELECT * FROM orders WHERE account = ? ORDER BY id DESC LIMIT 1000";
    let mine = sqlx::query_as(mine).bind(user.0);
    Ok(Json(mine.fetch_all(store.read()).await?))
}

async fn place(
    store: State<Store>,
    audit: State<Audit>,
    clock: State<Clock>,
    events: State<Events>,
    workflows: State<Workflows>,
    user: Given<User>,
    Validated(Json(new)): Validated<Json<NewOrder>>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    let placed = seconds(clock.now());
    let done = store.write(async |mut tx| -> Result<(StatusCode, Order), Problem> {
        if let Some(order) = find(&mut tx, *user, &new.reference).await? {
            return Ok((StatusCode::OK, order));
        }
        let cents = take(&mut tx, &new).await?;
        let order = insert(&mut tx, *user, &new, cents, placed).await?;
        let entry = Entry::new("order.place")
            .actor(user.0)
            .target("order", order.id);
        audit.record_in(&mut tx, entry).await?;
        let fulfil = Fulfil::new(order.id);
        workflows.start_in(&mut tx, fulfil).id(fulfil.id()).await?;
        Ok((StatusCode::CREATED, order))
    });
    let (status, order) = done.await?;
    if status == StatusCode::CREATED {
        let (product, quantity) = (order.product, order.quantity);
        events.publish(OrderPlaced { product, quantity });
    }
    Ok((status, Json(order)))
}

async fn find(tx: &mut Tx, user: User, reference: &str) -> Result<Option<Order>, Problem> {
    let find = "SELECT * FROM orders WHERE account = ? AND reference = ?";
    let find = sqlx::query_as(find).bind(user.0).bind(reference);
    Ok(find.fetch_optional(&mut **tx).await?)
}

/// Takes a product from the stock, and returns its price.
async fn take(tx: &mut Tx, new: &NewOrder) -> Result<i64, Problem> {
    let take = "UPDATE products SET stock = stock - ? WHERE id = ? AND stock >= ? RETURNING cents";
    let take = sqlx::query_scalar(take)
        .bind(new.quantity)
        .bind(new.product)
        .bind(new.quantity);
    if let Some(cents) = take.fetch_optional(&mut **tx).await? {
        return Ok(cents);
    }
    let left = sqlx::query_scalar("SELECT stock FROM products WHERE id = ?").bind(new.product);
    let left: Option<i64> = left.fetch_optional(&mut **tx).await?;
    let left = left.ok_or_else(|| missing(new.product))?;
    Err(Problem::conflict()
        .detail(format!("{left} are left"))
        .with("left", left))
}

async fn insert(
    tx: &mut Tx,
    user: User,
    new: &NewOrder,
    cents: i64,
    placed: i64,
) -> Result<Order, Problem> {
    let insert = "INSERT INTO orders (account, reference, product, quantity, cents, placed)
                  VALUES (?, ?, ?, ?, ?, ?) RETURNING *";
    let insert = sqlx::query_as(insert)
        .bind(user.0)
        .bind(&new.reference)
        .bind(new.product);
    let insert = insert
        .bind(new.quantity)
        .bind(cents * new.quantity)
        .bind(placed);
    Ok(insert.fetch_one(&mut **tx).await?)
}

/// Sends what is left of a product to the browsers that watch.
#[event_handler(OrderPlaced)]
struct Ticker {
    catalogue: State<Catalogue>,
    hub: State<SseHub>,
}

impl Hooks for Ticker {}

impl Handler<OrderPlaced> for Ticker {
    async fn handle(&self, event: &OrderPlaced, _: &EventContext) -> Result<()> {
        let product = self
            .catalogue
            .get(event.product)
            .await
            .map_err(Problem::into_error)?;
        self.hub
            .channel("stock")?
            .send(&SseEvent::json(&*product)?)?;
        Ok(())
    }
}
