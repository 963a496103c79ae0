//! The server: what the program is for, and what nobody needs. A binary has to link it.
//!
//! This one takes a single order, and ends the app.

use bootstrap::prelude::*;
use shop_health::Health;
use shop_orders::Orders;

/// Serves.
#[plugin(name = "http")]
#[derive(Debug)]
pub struct Http {
    orders: State<Orders>,
    health: State<Health>,
}

impl Hooks for Http {
    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        println!("{}", self.orders.place("ada@example.org"));
        println!("{}", self.health.report());
        cx.handle().shutdown();
        Ok(())
    }
}
