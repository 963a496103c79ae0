//! Authentication: a hook gives the user of a request to the routes behind it.
//!
//! `cargo run -p bootstrap-web --example authentication --all-features`, and then
//! `curl localhost:3000/profile -H 'authorization: secret-of-ada'`.

use bootstrap::RequestState;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

struct User {
    id: &'static str,
    is_admin: bool,
}

/// A `Problem` ends the request here; a `Give` lets it pass.
async fn authenticate(headers: HeaderMap) -> Result<Give<User>, Problem> {
    let token = headers
        .get(header::AUTHORIZATION)
        .ok_or_else(Problem::unauthorized)?;
    match token.as_bytes() {
        b"secret-of-ada" => Ok(Give(User {
            id: "ada",
            is_admin: true,
        })),
        b"secret-of-bob" => Ok(Give(User {
            id: "bob",
            is_admin: false,
        })),
        _ => Err(Problem::unauthorized()),
    }
}

/// A hook may take what one in front of it has given.
async fn only_admins(user: Given<User>) -> Result<(), Problem> {
    if user.is_admin {
        Ok(())
    } else {
        Err(Problem::forbidden())
    }
}

/// The argument is the proof: in front of the hook this route would not compile.
async fn profile(user: Given<User>) -> String {
    format!("profile of {}", user.id)
}

/// The same user without an argument, however far below the handler.
fn signature() -> String {
    let user = RequestState::<User>::new().get();
    user.map_or_else(|| "nobody".into(), |user| format!("yours, {}", user.id))
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/health", || "ok")
        .before_handle(authenticate)
        .get("/profile", profile)
        .get("/signature", signature)
        .group(|group| group.before_handle(only_admins).get("/admin", || "secrets"))
}

#[tokio::main]
async fn main() -> bootstrap::Exit {
    let _log = bootstrap::log_to_stderr("info");
    App::collect().run().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hooks_guard_the_routes_behind_them() -> Result<()> {
        let app = App::only(Api::default()).with(WebPlugin::default());
        let running = app.boot().await?;
        let client = running.try_get::<State<Web>>()?.client();
        client.get("/health").await.assert_text("ok");
        client.get("/profile").await.assert_status(401);
        let ada = client.clone().header("authorization", "secret-of-ada");
        ada.get("/profile").await.assert_text("profile of ada");
        ada.get("/signature").await.assert_text("yours, ada");
        ada.get("/admin").await.assert_text("secrets");
        let bob = client.header("authorization", "secret-of-bob");
        bob.get("/profile").await.assert_text("profile of bob");
        bob.get("/admin").await.assert_status(403);
        running.close().await?;
        Ok(())
    }
}
