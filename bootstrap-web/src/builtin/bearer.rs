//! The token of a request, as an argument.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};

use crate::problem::Problem;

/// The token of the header `authorization: Bearer ..`: an argument of handlers and hooks.
///
/// A request without one is answered with 401 and the header `www-authenticate`, as
/// [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-3) requires it. `Debug` does not show the token.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::Bearer;
/// use bootstrap_web::prelude::*;
///
/// struct User(&'static str);
///
/// async fn authenticate(Bearer(token): Bearer) -> Result<Give<User>, Problem> {
///     // Compare secrets with a function that takes the same time for all of them, or look up their hashes.
///     let known = [("token-of-ada", "ada")];
///     let user = known.iter().find(|(known, _)| *known == token);
///     let (_, name) = user.ok_or_else(Bearer::invalid)?;
///     Ok(Give(User(name)))
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().before_handle(authenticate).get("/me", |user: Given<User>| user.0)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(Api::default()).with(WebPlugin::default()).boot().await?;
/// let client = running.try_get::<State<Web>>()?.client();
/// client.get("/me").await.assert_status(401);
/// let ada = client.header("authorization", "Bearer token-of-ada");
/// ada.get("/me").await.assert_text("ada");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer(pub String);

impl Bearer {
    /// The answer to a token that is not known, or not valid any more: 401.
    pub fn invalid() -> Problem {
        refused("Bearer error=\"invalid_token\"").detail("the token is not valid")
    }
}

fn refused(scheme: &'static str) -> Problem {
    let scheme = HeaderValue::from_static(scheme);
    Problem::unauthorized().header(header::WWW_AUTHENTICATE, scheme)
}

/// The token, if the header has this scheme, whose name may be in any case.
fn token(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION);
        let token = header.and_then(token).ok_or_else(|| {
            let detail = "the header `authorization: Bearer ..` is missing";
            refused("Bearer").detail(detail)
        })?;
        Ok(Self(token.to_owned()))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

#[cfg(feature = "openapi")]
impl crate::OperationInput for Bearer {}
