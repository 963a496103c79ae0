//! A chat: messages in `SQLite`, sent to pages as server-sent events, and over websockets.
//!
//! `cargo run -p bootstrap-web --example streaming --all-features`, and then open <http://127.0.0.1:3000> twice. Stop the
//! program, start it again, and write: a page that was open continues after the last message that it has.

use std::pin::pin;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_web::axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use bootstrap_web::axum::response::sse::{Event, KeepAlive, Sse};
use bootstrap_web::prelude::*;
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// How many messages are read from the database at a time.
const BATCH: u32 = 100;

/// After how long a page connects again: less than the default of browsers, 3 s.
const RECONNECT: Duration = Duration::from_millis(500);

/// "Going away", of RFC 6455.
const AWAY: u16 = 1001;

#[derive(Serialize, sqlx::FromRow)]
struct Line {
    id: i64,
    text: String,
}

struct Chat {
    db: sqlx::SqlitePool,
    /// The id of the newest line: wakes the streams, which read the lines from the database. So a slow
    /// client misses nothing, and costs no memory.
    newest: watch::Sender<i64>,
}

impl Chat {
    async fn add(&self, text: &str) -> Result<()> {
        let add = sqlx::query_scalar("INSERT INTO lines (text) VALUES (?) RETURNING id");
        let id: i64 = add.bind(text).fetch_one(&self.db).await?;
        self.newest.send_if_modified(|newest| {
            let is_newer = id > *newest;
            *newest = id.max(*newest);
            is_newer
        });
        Ok(())
    }

    async fn batch(&self, after: i64) -> Result<Vec<Line>> {
        let batch = sqlx::query_as("SELECT id, text FROM lines WHERE id > ? ORDER BY id LIMIT ?");
        Ok(batch.bind(after).bind(BATCH).fetch_all(&self.db).await?)
    }
}

/// Returns the lines after one, those that are still to come included.
fn lines(chat: State<Chat>, after: i64) -> impl Stream<Item = Result<Line>> {
    let newest = chat.newest.subscribe();
    let batches = stream::try_unfold(
        (chat, newest, after),
        |(chat, mut newest, after)| async move {
            loop {
                // Before it reads: a line that is added meanwhile is a change.
                newest.mark_unchanged();
                let batch = chat.batch(after).await?;
                if let Some(Line { id, .. }) = batch.last() {
                    let next = (chat, newest, *id);
                    let batch = stream::iter(batch.into_iter().map(Ok));
                    return Ok::<_, anyhow::Error>(Some((batch, next)));
                }
                newest.changed().await?;
            }
        },
    );
    batches.try_flatten()
}

#[plugin(name = "chat", states = [Chat])]
struct ChatPlugin {
    #[option(default = "sqlite:chat.db?mode=rwc".into())]
    url: String,
}

impl Hooks for ChatPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Chat> {
        let db = sqlx::SqlitePool::connect(&self.url).await?;
        let create =
            "CREATE TABLE IF NOT EXISTS lines (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT)";
        sqlx::query(create).execute(&db).await?;
        let newest = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM lines");
        let newest = watch::Sender::new(newest.fetch_one(&db).await?);
        Ok(Chat { db, newest })
    }
}

#[derive(Deserialize)]
struct Start {
    after: Option<i64>,
}

/// Continues after the header that a browser sends when it connects again, or else after the query.
async fn events(
    chat: State<Chat>,
    draining: Draining,
    headers: HeaderMap,
    Query(start): Query<Start>,
) -> Sse<impl Stream<Item = Result<Event>>> {
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()?.parse().ok());
    let after = last.or(start.after).unwrap_or(0);
    let events = lines(chat, after).map_ok(|line| {
        let event = Event::default().id(line.id.to_string());
        event.retry(RECONNECT).data(line.text)
    });
    Sse::new(draining.until(events)).keep_alive(KeepAlive::default())
}

async fn add(chat: State<Chat>, text: String) -> Result<StatusCode, Problem> {
    chat.add(&text).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn socket(chat: State<Chat>, draining: Draining, upgrade: WebSocketUpgrade) -> Response {
    let until = draining.clone();
    draining.upgrade(upgrade, async move |socket| {
        // An error is a client that is gone, or a database that is: both end the session.
        if let Err(error) = talk(socket, chat, until).await {
            tracing::debug!("a websocket ended: {error:#}");
        }
    })
}

/// Adds what the client sends, and sends what anyone adds.
async fn talk(mut socket: WebSocket, chat: State<Chat>, draining: Draining) -> Result<()> {
    let newest = *chat.newest.borrow();
    let mut lines = pin!(lines(chat.clone(), newest));
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => chat.add(&text).await?,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(()),
            },
            Some(line) = lines.next() => {
                let line = serde_json::to_string(&line?)?;
                socket.send(Message::Text(line.into())).await?;
            }
            () = draining.began() => {
                let frame = CloseFrame { code: AWAY, reason: "the server stops".into() };
                socket.send(Message::Close(Some(frame))).await?;
                return Ok(());
            }
        }
    }
}

#[routes]
fn api() -> impl RouteSet {
    let routes = Routes::new().body_limit(4096);
    routes
        .get("/", || Html(include_str!("page.html")))
        .get("/events", events)
        .post("/lines", add)
        .get("/socket", socket)
}

#[tokio::main]
async fn main() -> bootstrap::Exit {
    let _log = bootstrap::log_to_stderr("info");
    App::collect().run().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what a request of the stream gets, up to a text that it must contain.
    async fn read(web: &Web, last_event_id: Option<&str>, until: &str) -> Result<String> {
        let mut request = Request::get("/events");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = web.handle(request.body(Body::empty())?).await;
        let mut body = response.into_body().into_data_stream();
        let mut text = String::new();
        while !text.contains(until) {
            let part = tokio::time::timeout(Duration::from_mins(1), body.next()).await?;
            text += std::str::from_utf8(&part.expect("the stream goes on")?)?;
        }
        Ok(text)
    }

    #[tokio::test]
    async fn a_page_that_connects_again_misses_nothing() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let url = format!(
            "sqlite:{}?mode=rwc",
            folder.path().join("chat.db").display()
        );
        let app = || {
            let app = App::only(Api::default()).with(WebPlugin::default());
            app.with(ChatPlugin::default().url(url.clone()))
        };
        let running = app().boot().await?;
        let client = running.try_get::<State<Web>>()?.client();
        for line in ["one", "two"] {
            client.post("/lines").body(line).await.assert_status(204);
        }
        let web = running.try_get::<State<Web>>()?;
        let all = read(&web, None, "data: two\n\n").await?;
        assert!(all.starts_with("id: 1\nretry: 500\ndata: one\n\n"), "{all}");
        drop((client, web));
        running.close().await?;

        // The process has started again.
        let running = app().boot().await?;
        let web = running.try_get::<State<Web>>()?;
        let rest = read(&web, Some("1"), "data: two\n\n").await?;
        assert!(rest.starts_with("id: 2\n"), "{rest}");
        // A line that is added while the client listens.
        let (late, added) = tokio::join!(read(&web, Some("2"), "data: three\n\n"), async {
            web.client().post("/lines").body("three").await
        });
        added.assert_status(204);
        assert!(late?.starts_with("id: 3\n"));
        drop(web);
        running.close().await?;
        Ok(())
    }
}
