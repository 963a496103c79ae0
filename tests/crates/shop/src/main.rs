//! An application in the commonest layout of a workspace: a crate for each component, and a binary
//! that is nothing but a choice of crates. Copy it.
//!
//! ```text
//! shop-interfaces    traits (Mailer, HealthCheck) and plain types; knows nobody
//! shop-config        state Config
//! shop-database      state Database       needs State<Config>
//! shop-mail-smtp     port dyn Mailer      needs State<Config>
//! shop-mail-log      port dyn Mailer
//! shop-disk-check    port dyn HealthCheck
//! shop-health        state Health         needs Ports<dyn HealthCheck>, all of them
//! shop-orders        state Orders         needs State<Database>, Port<dyn Mailer>
//! shop-http          nobody needs it      needs State<Orders>, State<Health>
//! shop               the binaries: this one, and those in `bin`
//! ```
//!
//! # States pull their crates in
//!
//! A state is a type of the crate whose plugin makes it. `shop-http` writes `State<Orders>`, which
//! is a type of `shop-orders`, so the plugin `orders` is here; and so are `database` and `config`
//! behind it, and `health`. None of them is named below, or is a dependency of this crate, and none
//! can be forgotten: it would not compile.
//!
//! # The rest is linked by name
//!
//! Two kinds of crates are named by nobody, and a crate that nothing in the code refers to is not
//! part of the binary, whatever `Cargo.toml` says:
//!
//! - **what nobody needs** (`shop-http`) or needs by name (`shop-disk-check`, one of all health
//!   checks). Without its link everything boots, and something is not there. So say what you
//!   expect: `.expect([..])` makes it an error of the plan, `BOOT006`.
//! - **what is at a port** (`shop-mail-smtp`): who asks knows the trait alone. Without its link the
//!   plan says that nobody provides the port, `BOOT001`.
//!
//! `bootstrap::link!` names them, next to `main`. A `use shop_http as _;` is the same.
//!
//! # The binary chooses
//!
//! - by what it links: `bin/shop-dev.rs` links `shop-mail-log` instead;
//! - by registering one of them, if several are linked: `bin/both.rs`;
//! - by `supply`, with a value of its own: `bin/neither.rs`.
//!
//! # One line holds it together
//!
//! `bootstrap::verify!([..])` is a test of this very binary: it plans, and holds these plugins and
//! no others. It fails when somebody tidies a link away, and when a crate joins that nobody meant.
//!
//! `tests/links.rs` takes each link away, and shows what is said then.

use bootstrap::{App, Exit};

bootstrap::link!(shop_disk_check, shop_http, shop_mail_smtp);

fn app() -> App {
    App::collect().expect(["disk-check", "http"])
}

#[tokio::main]
async fn main() -> Exit {
    app().run().await
}

bootstrap::verify!(
    app(),
    [
        "config",
        "database",
        "disk-check",
        "health",
        "http",
        "orders",
        "smtp",
    ]
);
