//! Takes orders. Of mail it knows the interface: which crate sends it is for the binary to say.

use bootstrap::prelude::*;
use shop_database::Database;
use shop_interfaces::{Mail, Mailer};

/// Takes orders.
#[derive(Debug)]
pub struct Orders {
    database: State<Database>,
    mailer: Port<dyn Mailer>,
}

impl Orders {
    /// Keeps an order and tells the customer; says what was done.
    pub fn place(&self, customer: &str) -> String {
        let number = self.database.insert();
        let sent = self.mailer.send(&Mail {
            to: customer.to_owned(),
            text: format!("order {number}"),
        });
        format!("order {number} is in {}, {sent}", self.database.name())
    }
}

/// Makes [`Orders`].
#[plugin(name = "orders", states = [Orders])]
#[derive(Debug)]
pub struct OrdersPlugin {
    database: State<Database>,
    mailer: Port<dyn Mailer>,
}

impl Hooks for OrdersPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Orders> {
        Ok(Orders {
            database: self.database.clone(),
            mailer: self.mailer.clone(),
        })
    }
}
