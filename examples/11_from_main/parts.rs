//! The components of the service: stand-ins, so that the program needs no network.

use bootstrap::Result;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
pub(super) struct Config {
    pub(super) database: String,
    pub(super) queue: String,
    pub(super) port: u16,
}

impl Config {
    pub(super) fn read() -> Result<Self> {
        Ok(Self {
            database: "db.example".into(),
            queue: "queue.example".into(),
            port: std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?,
        })
    }
}

pub(super) struct Database;

impl Database {
    pub(super) async fn connect(address: &str) -> Result<Self> {
        println!("  connected to {address}");
        Ok(Self)
    }

    pub(super) async fn close(&self) {
        println!("  closed the database");
    }
}

pub(super) struct Queue;

impl Queue {
    pub(super) async fn connect(address: &str) -> Result<Self> {
        println!("  connected to {address}");
        Ok(Self)
    }

    pub(super) async fn close(&self) {
        println!("  closed the queue");
    }
}

pub(super) struct Server;

impl Server {
    pub(super) async fn bind(port: u16) -> Result<Self> {
        println!("  bound to port {port}");
        Ok(Self)
    }

    pub(super) async fn serve(&self, _: &Database, stop: &CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }
}

pub(super) async fn poll(_: &Queue, _: &Database, stop: &CancellationToken) -> Result<()> {
    stop.cancelled().await;
    Ok(())
}
