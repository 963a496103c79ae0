//! The catalogue: what the shop sells, with a cache in front.
//!
//! A change is visible at once in the instance that made it, because its event removes the product from the cache. Other instances
//! on the same database show it when their entry expires, after [`STALE`].

use std::sync::Arc;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::audit::{Audit, Entry};
use bootstrap_services::cache::{Cache, Region};
use bootstrap_services::events::{Event, EventContext, Events, Handler, event_handler};
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};

use crate::operations::local;
use crate::orders::OrderPlaced;
use crate::store::{Store, unavailable};

/// How old a product of another instance may be.
const STALE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub(crate) struct Product {
    id: i64,
    name: String,
    cents: i64,
    pub(crate) stock: i64,
}

/// A product was added, or has changed.
#[derive(Event, Serialize, Deserialize)]
#[event(name = "product.changed")]
pub(crate) struct ProductChanged {
    id: i64,
}

/// The products.
pub(crate) struct Catalogue {
    store: State<Store>,
    products: Region<i64, Product>,
}

#[plugin(name = "catalogue", states = [Catalogue])]
struct CataloguePlugin {
    store: State<Store>,
    cache: State<Cache>,
}

impl Hooks for CataloguePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Catalogue> {
        let products = self.cache.region("products").capacity(10_000).ttl(STALE);
        let (store, products) = (self.store.clone(), products.build()?);
        Ok(Catalogue { store, products })
    }
}

impl Catalogue {
    pub(crate) async fn get(&self, id: i64) -> Result<Arc<Product>, Problem> {
        let find = sqlx::query_as("SELECT * FROM products WHERE id = ?").bind(id);
        let load = async || Ok(find.fetch_one(self.store.read()).await?);
        let product = self.products.get_or_load(&id, load).await;
        product.map_err(|error| match error.error().downcast_ref() {
            Some(sqlx::Error::RowNotFound) => missing(id),
            _ => error.into(),
        })
    }

    /// Removes a product from the cache.
    async fn forget(&self, id: i64) {
        self.products.remove(&id).await;
    }
}

pub(crate) fn missing(id: i64) -> Problem {
    Problem::not_found().detail(format!("there is no product {id}"))
}

/// Keeps the cache of this instance current.
#[event_handler(ProductChanged, OrderPlaced)]
struct Refresh {
    catalogue: State<Catalogue>,
}

impl Hooks for Refresh {}

impl Handler<ProductChanged> for Refresh {
    async fn handle(&self, event: &ProductChanged, _: &EventContext) -> Result<()> {
        self.catalogue.forget(event.id).await;
        Ok(())
    }
}

impl Handler<OrderPlaced> for Refresh {
    async fn handle(&self, event: &OrderPlaced, _: &EventContext) -> Result<()> {
        self.catalogue.forget(event.product).await;
        Ok(())
    }
}

#[routes(name = "products")]
fn products() -> impl RouteSet {
    Routes::new()
        .on_error(unavailable)
        .get("/products", list)
        .get("/products/{id}", show)
}

async fn list(store: State<Store>) -> Result<Json<Vec<Product>>, Problem> {
    let all = sqlx::query_as("SELECT * FROM products ORDER BY id LIMIT 1000");
    Ok(Json(all.fetch_all(store.read()).await?))
}

async fn show(
    catalogue: State<Catalogue>,
    Path(id): Path<i64>,
) -> Result<Json<Arc<Product>>, Problem> {
    Ok(Json(catalogue.get(id).await?))
}

/// The products, for operators.
#[routes(name = "stockroom", management)]
fn stockroom() -> impl RouteSet {
    Routes::new()
        .on_error(unavailable)
        .before_handle(local)
        .put("/offers/{name}", put)
}

#[derive(Deserialize, garde::Validate)]
struct Offer {
    #[garde(range(min = 1, max = 100_000_000))]
    cents: i64,
    #[garde(range(min = 0, max = 1_000_000_000))]
    stock: i64,
}

/// Adds a product, or changes its price and its stock.
async fn put(
    store: State<Store>,
    audit: State<Audit>,
    events: State<Events>,
    Path(name): Path<String>,
    Validated(Json(offer)): Validated<Json<Offer>>,
) -> Result<Json<Product>, Problem> {
    let put = "INSERT INTO products (name, cents, stock) VALUES (?, ?, ?)
               ON CONFLICT (name) DO UPDATE SET cents = excluded.cents, stock = excluded.stock RETURNING *";
    let product = store.write(async |mut tx| -> Result<Product, Problem> {
        let put = sqlx::query_as(put)
            .bind(&name)
            .bind(offer.cents)
            .bind(offer.stock);
        let product: Product = put.fetch_one(&mut *tx).await?;
        let entry = Entry::new("product.put").target("product", product.id);
        audit
            .record_in(&mut tx, entry.detail("product", &product))
            .await?;
        Ok(product)
    });
    let product = product.await?;
    events.publish(ProductChanged { id: product.id });
    Ok(Json(product))
}
