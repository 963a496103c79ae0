//! The `main` to begin with.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::Result;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use parts::{Config, Database, Queue, Server, poll};

#[path = "parts.rs"]
mod parts;

const LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn main() -> Result<()> {
    let config = Config::read()?;
    let database = Arc::new(Database::connect(&config.database).await?);
    let queue = match Queue::connect(&config.queue).await {
        Ok(queue) => Arc::new(queue),
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    let server = match Server::bind(config.port).await {
        Ok(server) => server,
        Err(error) => {
            queue.close().await;
            database.close().await;
            return Err(error);
        }
    };

    let stop = CancellationToken::new();
    let mut serving = tokio::spawn({
        let (database, stop) = (Arc::clone(&database), stop.clone());
        async move { server.serve(&database, &stop).await }
    });
    let polling = tokio::spawn({
        let (queue, database) = (Arc::clone(&queue), Arc::clone(&database));
        let stop = stop.clone();
        async move { poll(&queue, &database, &stop).await }
    });

    let mut failed = None;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        ended = &mut serving => failed = ended?.err(),
    }

    stop.cancel();
    if !serving.is_finished() && timeout(LIMIT, &mut serving).await.is_err() {
        serving.abort();
        eprintln!("the server did not stop");
    }
    if timeout(LIMIT, polling).await.is_err() {
        eprintln!("the poller did not stop");
    }
    if timeout(LIMIT, queue.close()).await.is_err() {
        eprintln!("the queue did not close");
    }
    if timeout(LIMIT, database.close()).await.is_err() {
        eprintln!("the database did not close");
    }
    failed.map_or(Ok(()), Err)
}
