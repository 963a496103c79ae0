//! Bearer tokens: a hook gives the user that a JSON web token names.
//!
//! `TOKEN_SECRET=.. cargo run -p bootstrap-web --example bearer --all-features`, and then
//! `curl localhost:3000/login --json '{"name": "ada", "password": "lovelace"}'`.

use anyhow::ensure;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use jsonwebtoken::{
    DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
};
use serde::{Deserialize, Serialize};

/// Signs and verifies tokens.
struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

#[derive(Deserialize, Serialize)]
struct Claims {
    sub: String,
    exp: u64,
}

#[plugin(name = "tokens", states = [Tokens])]
struct TokensPlugin {
    /// The key of the signatures. The boot fails if it is empty.
    #[option(default = std::env::var("TOKEN_SECRET").unwrap_or_default())]
    secret: String,
}

impl Hooks for TokensPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Tokens> {
        ensure!(
            !self.secret.is_empty(),
            "there is no secret: set `TOKEN_SECRET`"
        );
        let secret = self.secret.as_bytes();
        Ok(Tokens {
            encoding: EncodingKey::from_secret(secret)?,
            decoding: DecodingKey::from_secret(secret)?,
        })
    }
}

impl Tokens {
    fn issue(&self, user: &str) -> Result<String> {
        let exp = get_current_timestamp() + 15 * 60;
        let claims = Claims {
            sub: user.to_owned(),
            exp,
        };
        Ok(encode(&Header::default(), &claims, &self.encoding)?)
    }

    /// The user of a token that is signed with our key and has not expired.
    fn verify(&self, token: &str) -> Option<User> {
        let verified = decode::<Claims>(token, &self.decoding, &Validation::default());
        Some(User {
            name: verified.ok()?.claims.sub,
        })
    }
}

struct User {
    name: String,
}

async fn authenticate(Bearer(token): Bearer, tokens: State<Tokens>) -> Answer<Give<User>> {
    let user = tokens.verify(&token);
    user.map(Give).ok_or_else(Bearer::invalid)
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

async fn login(tokens: State<Tokens>, Json(login): Json<Login>) -> Answer<String> {
    // A real service compares a hash of the password, as of the crate `argon2`.
    if login.name != "ada" || login.password != "lovelace" {
        return Err(Problem::unauthorized());
    }
    Ok(tokens.issue(&login.name)?)
}

async fn me(user: Given<User>) -> String {
    user.name.clone()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new()
        .post("/login", login)
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
    async fn only_a_token_of_this_service_is_let_in() -> Result<()> {
        let tokens = TokensPlugin::default().secret("of the test".to_owned());
        let app = App::only(Api::default())
            .with(WebPlugin::default())
            .with(tokens);
        let running = app.boot().await?;
        let client = running.try_get::<State<Web>>()?.client();
        let response = client.get("/me").await;
        response
            .assert_status(401)
            .assert_header("www-authenticate", "Bearer");

        let wrong = serde_json::json!({ "name": "ada", "password": "byron" });
        client.post("/login").json(&wrong).await.assert_status(401);
        let right = serde_json::json!({ "name": "ada", "password": "lovelace" });
        let token = client.post("/login").json(&right).await.text();
        let request = client
            .get("/me")
            .header("authorization", &format!("Bearer {token}"));
        request.await.assert_status(200).assert_text("ada");

        let forged = Tokens {
            encoding: EncodingKey::from_secret(b"of another service")?,
            decoding: DecodingKey::from_secret(b"of another service")?,
        };
        let forged = format!("Bearer {}", forged.issue("ada")?);
        let response = client.get("/me").header("authorization", &forged).await;
        response
            .assert_status(401)
            .assert_header("www-authenticate", "Bearer error=\"invalid_token\"");
        running.close().await?;
        Ok(())
    }
}
