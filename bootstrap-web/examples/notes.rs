//! A resource with authentication, validation and problem details, on `SQLite`.
//!
//! `cargo run -p bootstrap-web --example notes --all-features`, and then
//! `curl localhost:3000/notes -H 'authorization: Bearer token-of-ada' --json '{"text": "milk"}'`.

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};

struct Db(sqlx::SqlitePool);

#[plugin(name = "db", states = [Db])]
struct DbPlugin {
    #[option(config = "db.url", default = "sqlite:notes.db?mode=rwc".into())]
    url: String,
}

impl Hooks for DbPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Db> {
        let pool = sqlx::SqlitePool::connect(&self.url).await?;
        let tables = "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, token TEXT UNIQUE);
             CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, owner INTEGER, text TEXT);
             INSERT OR IGNORE INTO users (token) VALUES ('token-of-ada'), ('token-of-bob')";
        sqlx::raw_sql(tables).execute(&pool).await?;
        Ok(Db(pool))
    }
}

struct User(i64);

async fn authenticate(db: State<Db>, Bearer(token): Bearer) -> Result<Give<User>, Problem> {
    let user = sqlx::query_scalar("SELECT id FROM users WHERE token = ?").bind(token);
    let found = user.fetch_optional(&db.0).await?;
    Ok(Give(User(found.ok_or_else(Bearer::invalid)?)))
}

#[derive(Deserialize, garde::Validate)]
struct NewNote {
    #[garde(length(chars, min = 1, max = 200))]
    text: String,
}

#[derive(Serialize, sqlx::FromRow)]
struct Note {
    id: i64,
    text: String,
}

type Answer<T> = Result<Json<T>, Problem>;

async fn list(db: State<Db>, user: Given<User>) -> Answer<Vec<Note>> {
    let notes = sqlx::query_as("SELECT id, text FROM notes WHERE owner = ? ORDER BY id");
    Ok(Json(notes.bind(user.0).fetch_all(&db.0).await?))
}

async fn add(db: State<Db>, user: Given<User>, new: Validated<Json<NewNote>>) -> Answer<Note> {
    let add = sqlx::query_as("INSERT INTO notes (owner, text) VALUES (?, ?) RETURNING id, text");
    let added = add.bind(user.0).bind(&new.text).fetch_one(&db.0).await?;
    Ok(Json(added))
}

async fn remove(db: State<Db>, user: Given<User>, Path(id): Path<i64>) -> Answer<Note> {
    let remove = sqlx::query_as("DELETE FROM notes WHERE id = ? AND owner = ? RETURNING id, text");
    let removed = remove.bind(id).bind(user.0).fetch_optional(&db.0).await?;
    let missing = || Problem::not_found().detail("no such note of yours");
    Ok(Json(removed.ok_or_else(missing)?))
}

#[routes]
fn api() -> impl RouteSet {
    let routes = Routes::new().before_handle(authenticate);
    routes
        .get("/notes", list)
        .post("/notes", add)
        .delete("/notes/{id}", remove)
}

#[tokio::main]
async fn main() -> bootstrap::Exit {
    let _log = bootstrap::log_to_stderr("info");
    let configuration = Configuration::new().environment("NOTES");
    App::collect().configure(configuration).run().await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn notes_belong_to_their_user() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let url = format!(
            "sqlite:{}?mode=rwc",
            folder.path().join("notes.db").display()
        );
        let app = App::only(Api::default()).with(WebPlugin::default());
        let running = app.with(DbPlugin::default().url(url)).boot().await?;
        let client = running.try_get::<State<Web>>()?.client();
        client.get("/notes").await.assert_status(401);

        let ada = client
            .clone()
            .header("authorization", "Bearer token-of-ada");
        let added = ada.post("/notes").json(&json!({ "text": "milk" })).await;
        added
            .assert_status(200)
            .assert_json(json!({ "id": 1, "text": "milk" }));
        ada.get("/notes")
            .await
            .assert_json(json!([{ "id": 1, "text": "milk" }]));

        let refused = ada.post("/notes").json(&json!({ "text": "" })).await;
        refused.assert_status(422);
        let issue =
            json!({ "source": "json", "path": "text", "message": "length is lower than 1" });
        assert_eq!(refused.json::<Value>()["issues"], json!([issue]));

        let bob = client.header("authorization", "Bearer token-of-bob");
        bob.get("/notes").await.assert_json(json!([]));
        bob.delete("/notes/1").await.assert_status(404);
        let removed = ada.delete("/notes/1").await;
        removed.assert_json(json!({ "id": 1, "text": "milk" }));
        ada.get("/notes").await.assert_json(json!([]));
        running.close().await?;
        Ok(())
    }
}
