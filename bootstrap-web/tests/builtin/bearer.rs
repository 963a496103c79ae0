//! The token of a request.

use bootstrap::prelude::*;
use bootstrap_web::Bearer;
use bootstrap_web::prelude::*;

async fn token(bearer: Bearer) -> Result<String, Problem> {
    if bearer.0 == "old" {
        return Err(Bearer::invalid());
    }
    Ok(format!("{bearer:?} {}", bearer.0))
}

#[routes(name = "tokens", collect = never)]
fn tokens() -> impl RouteSet {
    Routes::new().get("/token", token)
}

#[tokio::test]
async fn a_bearer_token_is_an_argument_and_its_absence_a_401_that_names_the_scheme() {
    let app = App::new()
        .with(Tokens::default())
        .with(WebPlugin::default());
    let running = app.boot().await.unwrap();
    let client = running.try_get::<State<Web>>().unwrap().client();
    for header in ["Bearer x-1", "bearer x-1", "BEARER  x-1 "] {
        let sent = client.clone().header("authorization", header);
        sent.get("/token").await.assert_text("Bearer(..) x-1");
    }
    for header in [
        None,
        Some("Bearer"),
        Some("Bearer "),
        Some("Basic x-1"),
        Some("x-1"),
    ] {
        let mut sent = client.clone();
        if let Some(header) = header {
            sent = sent.header("authorization", header);
        }
        let response = sent.get("/token").await;
        response.assert_status(401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    let response = client
        .header("authorization", "Bearer old")
        .get("/token")
        .await;
    response.assert_status(401);
    let scheme = "Bearer error=\"invalid_token\"";
    assert_eq!(response.headers()["www-authenticate"], scheme);
    running.close().await.unwrap();
}
