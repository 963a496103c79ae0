//! A resource with authentication, validation and problem details, on `SQLite`.
//!
//! `cargo run -p bootstrap-web --example notes --all-features`, and then
//! `curl localhost:3000/notes -H 'authorization: Bearer token-of-ada' --json '{"title": "shop", "text": "milk"}'`.

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};

#[supplied]
struct Db(sqlx::SqlitePool);

struct User(i64);

async fn authenticate(db: State<Db>, Bearer(token): Bearer) -> Answer<Give<User>> {
    let query = sqlx::query_scalar("SELECT id FROM users WHERE token = ?");
    let id = query.bind(token).fetch_optional(&db.0).await?;
    Ok(Give(User(id.ok_or_else(Bearer::invalid)?)))
}

#[derive(Deserialize, garde::Validate)]
struct NewNote {
    #[garde(length(chars, min = 1, max = 100))]
    title: String,
    #[garde(length(chars, max = 2000))]
    text: String,
}

#[derive(Serialize, sqlx::FromRow)]
struct Note {
    id: i64,
    title: String,
    text: String,
}

async fn list(db: State<Db>, user: Given<User>) -> Answer<Json<Vec<Note>>> {
    let query = sqlx::query_as("SELECT * FROM notes WHERE owner = ? ORDER BY id");
    let notes = query.bind(user.0).fetch_all(&db.0).await?;
    Ok(Json(notes))
}

async fn add(
    db: State<Db>,
    user: Given<User>,
    new: Validated<Json<NewNote>>,
) -> Answer<Created<Json<Note>>> {
    let insert = "INSERT INTO notes (owner, title, text) VALUES (?, ?, ?) RETURNING *";
    let query = sqlx::query_as(insert).bind(user.0);
    let query = query.bind(&new.title).bind(&new.text);
    let note: Note = query.fetch_one(&db.0).await?;
    Ok(Created::at(format!("/notes/{}", note.id), Json(note)))
}

async fn find(db: State<Db>, user: Given<User>, Path(id): Path<i64>) -> Answer<Json<Note>> {
    let query = sqlx::query_as("SELECT * FROM notes WHERE id = ? AND owner = ?");
    let note = query.bind(id).bind(user.0).fetch_optional(&db.0).await?;
    note.map(Json).or_not_found("no such note")
}

async fn remove(db: State<Db>, user: Given<User>, Path(id): Path<i64>) -> Answer<NoContent> {
    let query = sqlx::query("DELETE FROM notes WHERE id = ? AND owner = ? RETURNING id");
    let removed = query.bind(id).bind(user.0).fetch_optional(&db.0).await?;
    removed.map(|_| NoContent).or_not_found("no such note")
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new()
        .before_handle(authenticate)
        .get("/notes", list)
        .post("/notes", add)
        .get("/notes/{id}", find)
        .delete("/notes/{id}", remove)
}

#[tokio::main]
async fn main() -> Result<bootstrap::Exit> {
    let _log = bootstrap::log_to_stderr("info");
    let pool = sqlx::SqlitePool::connect("sqlite:notes.db?mode=rwc").await?;
    sqlx::migrate!("examples/notes").run(&pool).await?;
    Ok(App::collect().supply(Db(pool)).run().await)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    #[tokio::test]
    async fn notes_belong_to_their_user() -> Result<()> {
        // One connection: each connection to `:memory:` is a database of its own.
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect("sqlite::memory:").await?;
        sqlx::migrate!("examples/notes").run(&pool).await?;
        let app = App::only(Api::default()).with(WebPlugin::default());
        let running = app.supply(Db(pool)).boot().await?;
        let client = running.try_get::<State<Web>>()?.client();
        client.get("/notes").await.assert_status(401);
        let unknown = client.clone().header("authorization", "Bearer x");
        unknown.get("/notes").await.assert_status(401);

        let ada = client
            .clone()
            .header("authorization", "Bearer token-of-ada");
        let new = json!({ "title": "shop", "text": "milk" });
        let note = json!({ "id": 1, "title": "shop", "text": "milk" });
        let added = ada.post("/notes").json(&new).await;
        added
            .assert_status(201)
            .assert_header("location", "/notes/1")
            .assert_json(&note);
        ada.get("/notes").await.assert_json([&note]);
        ada.get("/notes/1").await.assert_json(&note);

        let new = json!({ "title": "", "text": "x".repeat(2001) });
        let refused = ada.post("/notes").json(&new).await;
        refused.assert_status(422);
        assert_eq!(
            refused.json::<Value>()["issues"],
            json!([
                { "source": "json", "path": "text", "message": "length is greater than 2000" },
                { "source": "json", "path": "title", "message": "length is lower than 1" },
            ])
        );

        let bob = client.header("authorization", "Bearer token-of-bob");
        bob.get("/notes").await.assert_json(json!([]));
        for refused in [bob.get("/notes/1").await, bob.delete("/notes/1").await] {
            refused.assert_status(404);
            assert_eq!(refused.json::<Value>()["detail"], "no such note");
        }
        ada.delete("/notes/1")
            .await
            .assert_status(204)
            .assert_text("");
        ada.get("/notes/1").await.assert_status(404);
        ada.get("/notes/one").await.assert_status(400);
        running.close().await?;
        Ok(())
    }
}
