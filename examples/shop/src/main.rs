//! The shop. `cargo run -p shop` starts it; it needs no other server.

use bootstrap::Exit;

#[tokio::main]
async fn main() -> Exit {
    let _log = bootstrap_services::logger::start();
    shop::app().run().await
}
