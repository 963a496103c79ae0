//! The plugin `openapi`.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse};
use bootstrap::extend::Requirements;
use bootstrap::prelude::*;

use crate::problem::Problem;
use crate::routes::{BoundRoutes, RouteSet, RouteTable, Routes, requirements_of};
use crate::web::Web;

const PAGE: &str = include_str!("page/page.html");
const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");
const ICON: &str = include_str!("page/icon.svg");

/// Nothing from elsewhere, and nothing that a text in the document could smuggle in.
const POLICY: (HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Serves the OpenAPI document of all routes at `/openapi.json`, and a page that shows it at `/docs`. Requires the feature
/// `openapi`.
///
/// The page loads nothing from other hosts. What is in the document: see [`Web::openapi`]. The plugin is
/// collected; `openapi.enabled = false` disables it.
///
/// The hooks of global sets apply to both routes, so an authentication for all sets protects them too.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::OpenApi;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let openapi = OpenApi::default().title("Orders".into()).version("1.2.0".into());
/// let running = App::new().with(openapi).with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let response = web.handle(Request::get("/openapi.json").body(Body::empty())?).await;
/// assert_eq!(response.status(), 200);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "openapi",
    ports = [BoundRoutes],
    requires = || requirements_of(routes(Document::default())),
    enabled = "openapi.enabled"
)]
#[derive(Debug)]
pub struct OpenApi {
    requirements: Requirements,
    /// The title of the document; `API` unless it is set.
    #[option(config = "openapi.title", default = "API".to_owned())]
    pub title: String,
    /// The version of the API; `0.0.0` unless it is set.
    #[option(config = "openapi.version", default = "0.0.0".to_owned())]
    pub version: String,
}

impl Hooks for OpenApi {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<BoundRoutes>> {
        let document = Document {
            title: self.title.clone(),
            version: self.version.clone(),
            made: Mutex::default(),
        };
        BoundRoutes::new(routes(document), &self.requirements).map(Arc::new)
    }
}

/// The document as it is sent. It is made once for each table of routes.
#[derive(Default)]
struct Document {
    title: String,
    version: String,
    made: Mutex<Option<(RouteTable, Bytes)>>,
}

impl Document {
    fn of(&self, web: &Web) -> Bytes {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((table, bytes)) = &*made
            && Arc::ptr_eq(&table.0, &web.routes().0)
        {
            return bytes.clone();
        }
        let bytes = Bytes::from(web.openapi(&self.title, &self.version).to_string());
        *made = Some((web.routes().clone(), bytes.clone()));
        bytes
    }
}

fn routes(document: Document) -> impl RouteSet {
    let document = Arc::new(document);
    let json = move |web: Lazy<State<Web>>| {
        let document = Arc::clone(&document);
        async move {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            Ok::<_, Problem>((kind, document.of(&*web.try_get()?)))
        }
    };
    Routes::new()
        .get("/openapi.json", json)
        .get("/docs", || async { ([POLICY], Html(PAGE)) })
        .get("/docs/page.js", || async {
            file("text/javascript; charset=utf-8", SCRIPT)
        })
        .get("/docs/page.css", || async {
            file("text/css; charset=utf-8", STYLE)
        })
        .get("/docs/icon.svg", || async { file("image/svg+xml", ICON) })
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}
