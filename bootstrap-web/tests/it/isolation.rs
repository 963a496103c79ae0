//! R25: requests never see each other's values.

use bootstrap::prelude::*;
use bootstrap::{RequestScope, RequestState};
use bootstrap_web::prelude::*;
use bootstrap_web::testing::Client;

use crate::support::{boot, client};

struct User(usize);

static USER: RequestState<User> = RequestState::named("user");

async fn identify(headers: HeaderMap) -> Result<Give<User>, Problem> {
    tokio::task::yield_now().await;
    let id = headers["x-id"].to_str()?.parse()?;
    Ok(Give(User(id)))
}

/// Reads the user in every way there is, with other requests in between.
async fn echo(given: Given<User>, Path(path): Path<usize>) -> Result<String, Problem> {
    let mut seen = vec![given.0, path];
    for _ in 0..3 {
        tokio::task::yield_now().await;
        seen.push(USER.try_get()?.0);
        seen.push(RequestContext::current()?.param("id")?.parse()?);
    }
    let scope = RequestScope::current().ok_or_else(Problem::internal)?;
    seen.push(
        scope
            .spawn(async { USER.get().map_or(0, |user| user.0) })
            .await?,
    );
    let outside = tokio::spawn(async { USER.get().is_none() });
    if !outside.await? {
        return Err(Problem::internal());
    }
    let is_one = seen.iter().all(|id| *id == seen[0]);
    Ok(format!("{} {is_one}", seen[0]))
}

#[routes(collect = never)]
fn echoes() -> impl RouteSet {
    Routes::new()
        .before_handle(identify)
        .get("/echo/{id}", echo)
}

async fn thousand(client: Client) {
    let requests = (0..1_000).map(|id| {
        let client = client.clone();
        tokio::spawn(async move {
            let path = format!("/echo/{id}");
            let response = client.get(&path).header("x-id", &id.to_string()).await;
            response
                .assert_status(200)
                .assert_text(&format!("{id} true"));
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
}

#[tokio::test]
async fn a_thousand_requests_on_one_thread_see_their_own_values() {
    let running = boot(App::new().with(Echoes::default())).await;
    thousand(client(&running)).await;
    running.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_on_several_threads_see_their_own_values() {
    let running = boot(App::new().with(Echoes::default())).await;
    thousand(client(&running)).await;
    running.close().await.unwrap();
}
