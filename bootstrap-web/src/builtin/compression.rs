//! The plugin `compression`.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::http::{Response, header};
use bootstrap::prelude::*;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use crate::builtin::access::AccessLog;
use crate::web::WebLayer;

/// Compresses bodies of responses with gzip, for clients that accept it. Requires the feature `compression`.
///
/// A stream is not compressed, as its parts would be held back: a body whose length is not known, and server-sent events. Neither are
/// images, short bodies, and those that are encoded already. The plugin is collected; `compression.enabled = false` disables it.
///
/// Do not compress a body with a secret beside a text of the client: its length reveals the secret bit by bit (the attack BREACH). Set
/// `content-encoding: identity` on such a response, or disable the plugin.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::Compression;
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/", || async { "a".repeat(10_000) })
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(Api::default()).with(Compression::default());
/// let running = app.with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let request = Request::get("/").header("accept-encoding", "gzip").body(Body::empty())?;
/// assert_eq!(web.handle(request).await.headers()["content-encoding"], "gzip");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "compression", ports = [WebLayer], after = [AccessLog], enabled = "compression.enabled")]
#[derive(Debug)]
pub struct Compression {
    /// The length of the shortest body that is compressed, in bytes; 1,024 unless it is set.
    #[option(config = "compression.min_bytes", default = 1024)]
    pub min_bytes: u64,
}

impl Hooks for Compression {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<WebLayer>> {
        let when = HasLength
            .and(SizeAbove::new(self.min_bytes))
            .and(NotForContentType::SSE)
            .and(NotForContentType::GRPC)
            .and(NotForContentType::IMAGES);
        let layer = CompressionLayer::new().compress_when(when);
        Ok(Arc::new(WebLayer::new(layer)))
    }
}

/// Whether the length of a body is known, which is so if it is no stream.
#[derive(Clone, Copy)]
struct HasLength;

impl Predicate for HasLength {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        let has_header = response.headers().contains_key(header::CONTENT_LENGTH);
        has_header || response.body().size_hint().exact().is_some()
    }
}
