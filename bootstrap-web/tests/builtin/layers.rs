use std::sync::Arc;

use axum::middleware::{map_request, map_response};
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::{RequestContext, WebLayer, axum};

use crate::support::{with_client, with_set};

/// Adds a word to a header of the response.
#[plugin(name = "first", ports = [WebLayer], collect = never)]
struct First;

#[plugin(name = "second", ports = [WebLayer], collect = never, after = [First])]
struct Second;

fn adds(word: &'static str) -> Arc<WebLayer> {
    Arc::new(WebLayer::new(map_response(
        move |mut response: Response| async move {
            response
                .headers_mut()
                .append("x-seen", HeaderValue::from_static(word));
            response
        },
    )))
}

impl Hooks for First {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<WebLayer>> {
        Ok(adds("first"))
    }
}

impl Hooks for Second {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<WebLayer>> {
        Ok(adds("second"))
    }
}

#[routes(global, collect = never)]
fn early() -> impl RouteSet {
    Routes::new()
        .on_request(|uri: Uri| (uri.path() == "/early").then_some("early"))
        .get("/panics", || async { panic!("a bug") as () })
        .get("/", || async { "hello" })
        .mount(axum::Router::new().route("/mounted", axum::routing::get(|| async { "mounted" })))
}

#[test]
fn layers_around_the_web_see_every_response_the_first_one_last() {
    let app = App::new().with(Second).with(First).with(Early::default());
    with_client(app, async |client| {
        for (path, status) in [
            ("/", 200),
            ("/early", 200),
            ("/mounted", 200),
            ("/nowhere", 404),
            ("/panics", 500),
        ] {
            let response = client.get(path).await;
            response.assert_status(status);
            let seen: Vec<_> = response.headers().get_all("x-seen").iter().collect();
            assert_eq!(seen, ["second", "first"], "{path}");
        }
    });
}

#[test]
fn a_layer_may_change_the_path_of_a_request() {
    #[plugin(name = "old-paths", ports = [WebLayer], collect = never)]
    struct OldPaths;
    impl Hooks for OldPaths {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<WebLayer>> {
            let rewrite = async |mut request: Request| {
                if request.uri().path() == "/old" {
                    *request.uri_mut() = Uri::from_static("/");
                }
                request
            };
            Ok(Arc::new(WebLayer::new(map_request(rewrite))))
        }
    }
    with_client(
        App::new().with(OldPaths).with(Early::default()),
        async |client| {
            client.get("/old").await.assert_text("hello");
        },
    );
}

#[test]
fn a_set_has_its_request_within_layers() {
    #[routes(collect = never)]
    fn far() -> impl RouteSet {
        let path = || async { RequestContext::current().map(|it| it.uri().path().to_owned()) };
        Routes::new().get("/far", path)
    }
    with_client(
        App::new().with(First).with(Far::default()),
        async |client| {
            client.get("/far").await.assert_text("/far");
        },
    );
    with_set(Far::default(), async |client| {
        client.get("/far").await.assert_text("/far");
    });
}
