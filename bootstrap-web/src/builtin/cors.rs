//! The plugin `cors`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method};
use bootstrap::prelude::*;
use tower::util::option_layer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

use crate::builtin::access::AccessLog;
use crate::builtin::origin::{HELP, origin};
use crate::values::{KeyFault, Time};
use crate::web::WebLayer;

/// Lets pages of other origins use the service: cross-origin resource sharing. Requires the feature `cors`.
///
/// **No origin is allowed unless it is listed.** The layer is around the whole web, so it answers preflight requests for every path. The
/// plugin is collected.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `cors.origins` | `[]` | origins as `https://app.example`, or `*` for all |
/// | `cors.credentials` | `false` | whether requests may have cookies; not with `*` |
/// | `cors.methods` | `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` | the methods of requests |
/// | `cors.headers` | `content-type`, `authorization` | the headers of requests |
/// | `cors.expose` | `x-request-id` | the headers of responses that pages may read |
/// | `cors.max_age` | `"10m"` | how long a browser keeps the answer to a preflight request |
///
/// # Errors
///
/// The boot fails for `*` together with credentials, as that would give every page in the world the data of the user, and for
/// origins, methods and headers that are malformed.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::Cors;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let cors = Cors::default().origins(vec!["https://app.example".into()]).credentials(true);
/// let running = App::new().with(cors).with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let request = Request::get("/").header("origin", "https://app.example").body(Body::empty())?;
/// let response = web.handle(request).await;
/// assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "cors", ports = [WebLayer], after = [AccessLog])]
#[derive(Debug)]
pub struct Cors {
    /// The origins of pages that may use the service: `https://app.example`, or `*`.
    #[option(config = "cors.origins", default = Vec::new())]
    pub origins: Vec<String>,
    /// Whether requests may have cookies and other credentials.
    #[option(config = "cors.credentials", default = false)]
    pub credentials: bool,
    /// The methods of requests.
    #[option(config = "cors.methods", default = owned(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]))]
    pub methods: Vec<String>,
    /// The headers of requests, beside those that are always allowed.
    #[option(config = "cors.headers", default = owned(&["content-type", "authorization"]))]
    pub headers: Vec<String>,
    /// The headers of responses that pages may read, beside those that they always may.
    #[option(config = "cors.expose", default = owned(&["x-request-id"]))]
    pub expose: Vec<String>,
    #[option(config = "cors.max_age", default = Time::seconds(600), setter = false)]
    max_age: Time,
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

impl Hooks for Cors {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Arc<WebLayer>> {
        let layer = if self.origins.is_empty() {
            None
        } else {
            Some(self.layer().map_err(|fault| fault.placed(cx))?)
        };
        Ok(Arc::new(WebLayer::new(option_layer(layer))))
    }
}

impl Cors {
    /// How long a browser keeps the answer to a preflight request, in whole seconds: `cors.max_age`, 10 minutes.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Time(max_age);
        self
    }

    fn layer(&self) -> Result<CorsLayer, KeyFault> {
        let methods: Result<Vec<Method>, KeyFault> =
            self.methods.iter().map(|it| method(it)).collect();
        let headers = names("cors.headers", &self.headers)?;
        let expose = names("cors.expose", &self.expose)?;
        let layer = CorsLayer::new()
            .allow_methods(methods?)
            .allow_headers(AllowHeaders::list(headers))
            .expose_headers(ExposeHeaders::list(expose))
            .max_age(self.max_age.0);
        if self.origins.iter().any(|it| it == "*") {
            return self.of_all(layer);
        }
        let origins: Result<Vec<HeaderValue>, KeyFault> =
            self.origins.iter().map(|it| allowed(it)).collect();
        let layer = layer.allow_origin(AllowOrigin::list(origins?));
        Ok(layer.allow_credentials(self.credentials))
    }

    fn of_all(&self, layer: CorsLayer) -> Result<CorsLayer, KeyFault> {
        if self.credentials {
            let wrong = "`cors.origins` has `*`, and `cors.credentials` is true: every page in the world could read the data of \
                         the user";
            let help =
                "list the origins, as `https://app.example`, or set `cors.credentials` to false";
            return Err(KeyFault::new(ORIGINS, wrong, help));
        }
        if self.origins.len() > 1 {
            let wrong = "`cors.origins` has `*` beside other origins";
            return Err(KeyFault::new(
                ORIGINS,
                wrong,
                "write `*` alone, or leave it out",
            ));
        }
        Ok(layer.allow_origin(AllowOrigin::any()))
    }
}

const ORIGINS: &str = "cors.origins";

fn allowed(text: &str) -> Result<HeaderValue, KeyFault> {
    origin(text).ok_or_else(|| {
        let wrong = format!("`cors.origins` has `{text}`, which is not an origin");
        KeyFault::new(ORIGINS, wrong, HELP)
    })
}

fn method(text: &str) -> Result<Method, KeyFault> {
    let is_method = !text.is_empty() && text.bytes().all(|it| it.is_ascii_uppercase());
    let method = is_method.then(|| text.parse().ok()).flatten();
    method.ok_or_else(|| {
        let wrong = format!("`cors.methods` has `{text}`, which is not a method");
        KeyFault::new("cors.methods", wrong, "write `GET`, for example")
    })
}

fn names(key: &'static str, texts: &[String]) -> Result<Vec<HeaderName>, KeyFault> {
    let names = texts.iter().map(|text| {
        let name = text.parse::<HeaderName>().ok().filter(|_| text != "*");
        name.ok_or_else(|| {
            let wrong = format!("`{key}` has `{text}`, which is not the name of a header");
            KeyFault::new(key, wrong, "write `content-type`, for example")
        })
    });
    names.collect()
}
