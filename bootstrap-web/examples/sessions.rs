//! Cookie sessions: `tower-sessions` as a layer, and a hook that gives the user of the session.
//!
//! `cargo run -p bootstrap-web --example sessions --all-features`, and then
//! `curl localhost:3000/login -c jar -d 'name=ada&password=lovelace'` and `curl localhost:3000/me -b jar`.

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use serde::Deserialize;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

struct User {
    name: String,
}

async fn authenticate(session: Session) -> Result<Give<User>, Problem> {
    let name = session.get("user").await?;
    Ok(Give(User {
        name: name.ok_or_else(Problem::unauthorized)?,
    }))
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

async fn login(session: Session, Form(login): Form<Login>) -> Result<StatusCode, Problem> {
    // A real service compares a hash of the password, as of the crate `argon2`.
    if login.name != "ada" || login.password != "lovelace" {
        return Err(Problem::unauthorized());
    }
    // A new identifier, so that one that was planted before the login is worthless.
    session.cycle_id().await?;
    session.insert("user", login.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn logout(session: Session) -> Result<StatusCode, Problem> {
    session.flush().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn me(user: Given<User>) -> String {
    user.name.clone()
}

#[routes]
fn api() -> impl RouteSet {
    // `secure` is for services behind TLS; this one is tried with plain HTTP.
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    Routes::new()
        .layer(sessions)
        .post("/login", login)
        .post("/logout", logout)
        .before_handle(authenticate)
        .get("/me", me)
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
    async fn a_session_lasts_from_login_to_logout() -> Result<()> {
        let app = App::only(Api::default()).with(WebPlugin::default());
        let running = app.boot().await?;
        let web = running.try_get::<State<Web>>()?;
        let (ada, other) = (web.client().cookies(), web.client().cookies());
        ada.get("/me").await.assert_status(401);
        let wrong = [("name", "ada"), ("password", "byron")];
        ada.post("/login").form(wrong).await.assert_status(401);
        let right = [("name", "ada"), ("password", "lovelace")];
        ada.post("/login").form(right).await.assert_status(204);
        ada.get("/me").await.assert_status(200).assert_text("ada");
        other.get("/me").await.assert_status(401);
        ada.post("/logout").await.assert_status(204);
        ada.get("/me").await.assert_status(401);
        running.close().await?;
        Ok(())
    }
}
