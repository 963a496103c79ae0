//! A process that is out of file descriptors.

use crate::process::Process;
use crate::support::Client;

/// How many files the process of the server may open.
const LIMIT: u32 = 40;

/// A connection that was there before, and more clients than there are descriptors.
async fn exhausted(process: &Process) -> (Client, Vec<Client>) {
    let mut kept = Client::connect(process.address).await;
    kept.is_answered("/readyz", 200).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(Client::connect(process.address).await);
    }
    let reason = kept.is_answered("/readyz?verbose", 503).await;
    assert!(reason.contains("out of file descriptors"), "{reason}");
    (kept, clients)
}

/// F13: one warning, and not ready while it lasts.
#[tokio::test]
async fn a_server_without_descriptors_recovers_when_it_has_some_again() {
    let process = Process::start_with_descriptors(LIMIT, &[]).await;
    let (mut kept, clients) = exhausted(&process).await;
    drop(clients);
    kept.is_answered("/readyz", 200).await;
    // A new one as well.
    let mut client = Client::connect(process.address).await;
    client.get("/").await;
    assert!(client.response().await.ends_with("hello"));
    let ended = process.end().await;
    ended.assert_success();
    assert_eq!(ended.lines("this process may open 40 files").len(), 1);
    let warned = ended.lines("connections can't be accepted").len();
    assert!((1..5).contains(&warned), "once a minute: {warned}");
}

#[tokio::test]
async fn a_server_without_descriptors_stops_as_any_other() {
    let process = Process::start_with_descriptors(LIMIT, &[("http.drain_timeout", "10m")]).await;
    let (_kept, _clients) = exhausted(&process).await;
    process.end().await.assert_success();
}
