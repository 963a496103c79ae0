//! What is put in, and what goes wrong: the answers of the table of faults that no other file has a test for.

use bootstrap::extend::IntoPlugin;
use bootstrap_web::prelude::*;

use crate::process::Process;
use crate::support::{Client, app, get, server, until, within};

#[routes(name = "billing")]
fn billing() -> impl RouteSet {
    Routes::new().get("/x", || "billing")
}

#[routes(name = "orders")]
fn orders() -> impl RouteSet {
    Routes::new().get("/x", || "orders")
}

#[routes(name = "colon")]
fn colon() -> impl RouteSet {
    Routes::new().get("/users/:id", || "user")
}

/// Boots a server on a socket of its own, and returns the error. Nothing listens there.
async fn boot_error(one: impl IntoPlugin, other: impl IntoPlugin) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let server = server().listen(format!("unix:{}", path.display()));
    let app = app(one).with(other).with(server);
    let error = within(app.boot()).await.unwrap_err().to_string();
    assert!(!path.exists());
    error
}

/// F4: with the names of both plugins.
#[tokio::test]
async fn a_route_that_is_served_twice_fails_the_boot_of_the_server() {
    let error = boot_error(Billing::default(), Orders::default()).await;
    let expected = "`billing` and `orders` both serve `GET /x`";
    assert!(error.contains(expected), "{error}");
}

/// F5: with the name of the plugin, and the right spelling.
#[tokio::test]
async fn a_malformed_path_fails_the_boot_of_the_server() {
    let error = boot_error(Billing::default(), Colon::default()).await;
    assert!(error.contains("colon"), "{error}");
    assert!(error.contains("write `{id}` in place of `:id`"), "{error}");
}

/// F10: and the input is not echoed.
#[tokio::test]
async fn a_body_that_is_wrong_is_refused_without_its_values() {
    let process = Process::start(&[]).await;
    let mut client = Client::connect(process.address).await;
    for (kind, body, status) in [
        ("text/plain", "secret", 415),
        ("application/json", "{secret", 400),
        ("application/json", r#"{"numbers": ["secret"]}"#, 422),
        ("application/json", r#"{"secret": []}"#, 422),
    ] {
        let length = body.len();
        client
            .send(&format!(
                "POST /sum HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
            ))
            .await;
        let response = client.response().await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(response.starts_with(&expected), "{body}: {response}");
        assert!(!response.contains("secret"), "{response}");
    }
    process.end().await.assert_success();
}

const LOGGED: [(&str, &str); 1] = [("access_log.enabled", "true")];

/// F11: the log has the text of the panic, and the id that the client got; the client gets nothing of the text.
#[tokio::test]
async fn a_panic_is_logged_with_the_id_of_its_request_and_the_connection_lives() {
    let process = Process::start(&LOGGED).await;
    let mut client = Client::connect(process.address).await;
    client.get("/panics").await;
    let response = client.response().await;
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    assert!(!response.contains("as told"), "{response}");
    let id = response.split("x-request-id: ").nth(1).unwrap();
    let id = id[..32].to_owned();
    client.get("/").await;
    assert!(client.response().await.ends_with("hello"));
    let ended = process.end().await;
    assert_eq!(ended.code, Some(0));
    let errors = ended.lines("as told");
    let named = |it: &&&str| it.contains(" ERROR ") && it.contains(&id) && it.contains("/panics");
    assert!(errors.iter().any(|it| named(&it)), "{:#?}", ended.log);
}

/// F12: it is not an error.
#[tokio::test]
async fn a_request_whose_client_disconnects_is_logged_as_cancelled() {
    let mut process = Process::start(&LOGGED).await;
    let mut client = Client::connect(process.address).await;
    client.get("/export").await;
    process.has_begun(1).await;
    drop(client);
    until(|| !process.lines("GET /export").is_empty()).await;
    // The server goes on.
    assert!(get(process.address, "/").await.ends_with("hello"));
    let ended = process.end().await;
    ended.assert_success();
    let lines = ended.lines("GET /export");
    assert!(
        lines.len() == 1 && lines[0].contains("cancelled=true"),
        "{lines:?}"
    );
    assert_eq!(ended.lines(" ERROR "), [""; 0]);
}
