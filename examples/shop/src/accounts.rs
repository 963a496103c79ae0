//! Accounts: how users sign up and log in, and which user sends a request.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use bootstrap::prelude::*;
use bootstrap_services::audit::{Audit, Entry};
use bootstrap_services::clock::Clock;
use bootstrap_services::database::Tx;
use bootstrap_services::jobs::Jobs;
use bootstrap_services::limits;
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::mails::Welcome;
use crate::store::{Store, unavailable};

/// How long a token is valid.
const SESSION: Duration = Duration::from_hours(24 * 30);

/// The user that sends a request.
#[derive(Clone, Copy)]
pub(crate) struct User(pub(crate) i64);

/// Finds the user of a token.
pub(crate) async fn authenticate(
    store: State<Store>,
    clock: State<Clock>,
    Bearer(token): Bearer,
) -> Result<Give<User>, Problem> {
    let session = "SELECT account FROM sessions WHERE token = ? AND expires > ?";
    let account = sqlx::query_scalar(session)
        .bind(hash(&token))
        .bind(seconds(clock.now()))
        .fetch_optional(store.read())
        .await?;
    Ok(Give(User(account.ok_or_else(Bearer::invalid)?)))
}

#[routes(name = "accounts")]
fn accounts() -> impl RouteSet {
    Routes::new()
        .on_error(unavailable)
        // Guessing a password takes time, and protecting one takes a processor.
        .layer(limits::headers())
        .before_handle(limits::per_client("login"))
        .post("/accounts", sign_up)
        .post("/sessions", log_in)
}

#[derive(Deserialize, garde::Validate)]
struct Credentials {
    #[garde(email, length(max = 254))]
    email: String,
    #[garde(length(min = 12, max = 200))]
    password: String,
}

#[derive(Serialize)]
struct Account {
    id: i64,
}

async fn sign_up(
    store: State<Store>,
    audit: State<Audit>,
    jobs: State<Jobs>,
    Validated(Json(new)): Validated<Json<Credentials>>,
) -> Result<(StatusCode, Json<Account>), Problem> {
    let password = spawn_blocking(move || protect(&new.password)).await??;
    let add =
        "INSERT INTO accounts (email, password) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id";
    let id = store.write(async |mut tx| -> Result<Option<i64>, Problem> {
        let id = sqlx::query_scalar(add).bind(&new.email).bind(&password);
        let id = id.fetch_optional(&mut *tx).await?;
        if let Some(id) = id {
            let entry = Entry::new("account.create").actor(id).target("account", id);
            audit.record_in(&mut tx, entry).await?;
            // It leaves if, and only if, the account is stored.
            let _ = jobs.enqueue_in(&mut tx, Welcome { account: id }).await?;
        }
        Ok(id)
    });
    let taken = || Problem::conflict().detail("this address has an account: log in");
    let id = id.await?.ok_or_else(taken)?;
    Ok((StatusCode::CREATED, Json(Account { id })))
}

#[derive(Serialize)]
struct Session {
    token: String,
}

async fn log_in(
    store: State<Store>,
    clock: State<Clock>,
    Json(given): Json<Credentials>,
) -> Result<(StatusCode, Json<Session>), Problem> {
    let wrong = || Problem::unauthorized().detail("this address and this password do not match");
    let account: Option<(i64, String)> =
        sqlx::query_as("SELECT id, password FROM accounts WHERE email = ?")
            .bind(&given.email)
            .fetch_optional(store.read())
            .await?;
    // An address without an account takes as long as one with another password.
    let (id, password) = account.map_or((None, nobody()?), |(id, password)| (Some(id), password));
    let matches = spawn_blocking(move || verify(&given.password, &password)).await?;
    let id = id.filter(|_| matches).ok_or_else(wrong)?;
    let token = new_token()?;
    let expires = seconds(clock.now() + SESSION);
    let add = "INSERT INTO sessions (token, account, expires) VALUES (?, ?, ?)";
    store
        .write(async |mut tx| -> Result<(), Problem> {
            let add = sqlx::query(add).bind(hash(&token)).bind(id).bind(expires);
            add.execute(&mut *tx).await?;
            Ok(())
        })
        .await?;
    Ok((StatusCode::CREATED, Json(Session { token })))
}

/// Deletes the sessions whose tokens are not valid any more.
pub(crate) async fn forget_expired(tx: &mut Tx, now: SystemTime) -> Result<()> {
    let delete = sqlx::query("DELETE FROM sessions WHERE expires <= ?");
    delete.bind(seconds(now)).execute(&mut **tx).await?;
    Ok(())
}

fn protect(password: &str) -> Result<String> {
    Ok(Argon2::default()
        .hash_password(password.as_bytes())?
        .to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    let argon2 = Argon2::default();
    PasswordHash::new(hash)
        .is_ok_and(|hash| argon2.verify_password(password.as_bytes(), &hash).is_ok())
}

/// Returns a hash that no password has.
fn nobody() -> Result<String> {
    static HASH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    if let Some(hash) = HASH.get() {
        return Ok(hash.clone());
    }
    let hash = protect(&new_token()?)?;
    Ok(HASH.get_or_init(|| hash).clone())
}

fn new_token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let mut token = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(token, "{byte:02x}")?;
    }
    Ok(token)
}

pub(crate) fn hash(content: impl AsRef<[u8]>) -> Vec<u8> {
    Sha256::digest(content).to_vec()
}

/// Returns a time as the tables have it, in seconds since 1970.
pub(crate) fn seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
