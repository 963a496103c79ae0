//! Paths, methods, groups, layers, mounted routers.

use bootstrap_web::axum;
use bootstrap_web::prelude::*;

use crate::support::{boot_error, with_client, with_set};
use bootstrap::prelude::*;

async fn ok() -> &'static str {
    "ok"
}

#[routes(collect = never)]
fn methods() -> impl RouteSet {
    Routes::new()
        .get("/x", || "get")
        .post("/x", || "post")
        .put("/x", || "put")
        .delete("/x", || "delete")
        .patch("/x", || "patch")
        .any("/any", |method: Method| method.to_string())
        .rpc("users.create", |Json(name): Json<String>| {
            format!("created {name}")
        })
}

/// R50: a method each, and one path may have several.
#[test]
fn every_method_has_its_handler() {
    with_set(Methods::default(), async |client| {
        for method in ["get", "post", "put", "delete", "patch"] {
            let request = client.request(method.to_uppercase().parse().unwrap(), "/x");
            request.await.assert_status(200).assert_text(method);
        }
        client
            .request(Method::TRACE, "/any")
            .await
            .assert_text("TRACE");
    });
}

/// D3: a procedure is a `POST` to its name.
#[test]
fn a_procedure_is_called_by_its_name() {
    with_set(Methods::default(), async |client| {
        client
            .post("/users.create")
            .json("ada")
            .await
            .assert_text("created ada");
        client.get("/users.create").await.assert_status(405);
    });
}

/// `GET` serves `HEAD`, without a body.
#[test]
fn a_head_request_is_served_by_get() {
    with_set(Methods::default(), async |client| {
        let response = client.request(Method::HEAD, "/x").await;
        response
            .assert_status(200)
            .assert_text("")
            .assert_header("content-length", "3");
    });
}

/// R39: the wrong method is 405 with `Allow`, the wrong path 404; both are problems.
#[test]
fn a_request_without_a_route_is_a_problem() {
    with_set(Methods::default(), async |client| {
        let response = client.request(Method::OPTIONS, "/x").await;
        response
            .assert_status(405)
            .assert_header("content-type", "application/problem+json");
        let allowed = response.header("allow").unwrap();
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"] {
            assert!(allowed.contains(method), "{allowed}");
        }
        let response = client.get("/nowhere").await;
        response
            .assert_status(404)
            .assert_header("content-type", "application/problem+json");
        let problem =
            serde_json::json!({"type": "about:blank", "title": "Not Found", "status": 404});
        response.assert_json(problem);
    });
}

/// The wrong method may be a 404.
#[test]
fn a_wrong_method_is_404_if_the_option_says_so() {
    crate::support::run(async {
        let app = App::new().with(Methods::default());
        let web = WebPlugin::default().method_not_allowed(false);
        let running = app.with(web).boot().await.unwrap();
        crate::support::client(&running)
            .post("/any2")
            .await
            .assert_status(404);
        crate::support::client(&running)
            .request(Method::OPTIONS, "/x")
            .await
            .assert_status(404);
        running.close().await.unwrap();
    });
}

#[routes(collect = never)]
fn paths() -> impl RouteSet {
    Routes::new()
        .get("/rows/{id}", |Path(id): Path<String>| id)
        .get("/rows/new", || "the form")
        .get("/files/{*rest}", |Path(rest): Path<String>| rest)
        .get("/pairs/{a}/{b}", |Path((a, b)): Path<(u8, u8)>| {
            (a + b).to_string()
        })
}

/// R21, R29: parameters are decoded; a path without one goes first.
#[test]
fn parameters_are_decoded() {
    with_set(Paths::default(), async |client| {
        client.get("/rows/a%20b").await.assert_text("a b");
        client.get("/rows/new").await.assert_text("the form");
        client.get("/pairs/3/4").await.assert_text("7");
        client.get("/rows/").await.assert_status(404);
        client.get("/rows/a/b").await.assert_status(404);
    });
}

/// R22: the rest of a path is at least one segment.
#[test]
fn a_rest_takes_at_least_one_segment() {
    with_set(Paths::default(), async |client| {
        client.get("/files").await.assert_status(404);
        client.get("/files/").await.assert_status(404);
        client.get("/files/a").await.assert_text("a");
        client.get("/files/a/b%2Fc").await.assert_text("a/b/c");
    });
}

#[routes(collect = never)]
fn nested() -> impl RouteSet {
    Routes::new()
        .nest("/users/{user}", |users| {
            users
                .get("/", |Path(user): Path<String>| user)
                .nest("/orders", |orders| {
                    orders.get("/{order}", |Path((user, order)): Path<(String, u32)>| {
                        format!("{user} {order}")
                    })
                })
        })
        .group(|group| group.get("/in/a/group", ok))
}

/// R51: full paths, or prefixes, which may have parameters.
#[test]
fn prefixes_and_their_parameters_are_part_of_paths() {
    with_set(Nested::default(), async |client| {
        client.get("/users/ada").await.assert_text("ada");
        client.get("/users/ada/orders/7").await.assert_text("ada 7");
        client.get("/in/a/group").await.assert_text("ok");
        client.get("/users/ada/").await.assert_status(404);
    });
}

#[routes(collect = never)]
fn layered() -> impl RouteSet {
    let mark = |mark: &'static str| {
        axum::middleware::map_response(move |mut response: Response| async move {
            response
                .headers_mut()
                .append("x-mark", HeaderValue::from_static(mark));
            response
        })
    };
    Routes::new()
        .get("/plain", ok)
        .layer(mark("outer"))
        .get("/one", ok)
        .group(|group| group.layer(mark("inner")).get("/both", ok))
        .get("/after", ok)
        .mount(axum::Router::new().route("/mounted", axum::routing::get(ok)))
        .nest("/deep", |deep| {
            let gone = async || (StatusCode::GONE, "gone");
            deep.mount(
                axum::Router::new()
                    .route("/x", axum::routing::get(ok))
                    .fallback(gone),
            )
        })
}

/// D55: layers apply to the routes behind them, and end with their group; the first is outermost.
#[test]
fn a_layer_wraps_the_routes_behind_it() {
    with_set(Layered::default(), async |client| {
        let marks = async |path: &str| {
            let response = client.get(path).await;
            response.assert_status(200);
            let marks = response.headers().get_all("x-mark").iter();
            marks
                .map(|it| it.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(marks("/plain").await, "");
        assert_eq!(marks("/one").await, "outer");
        assert_eq!(marks("/both").await, "inner,outer");
        assert_eq!(marks("/after").await, "outer");
        assert_eq!(marks("/mounted").await, "");
    });
}

/// A router of axum is served as it is, below a prefix with its fallback.
#[test]
fn a_router_of_axum_is_mounted() {
    with_set(Layered::default(), async |client| {
        client.get("/mounted").await.assert_text("ok");
        client.get("/deep/x").await.assert_text("ok");
        client.get("/deep/y").await.assert_status(410);
        client.get("/y").await.assert_status(404);
    });
}

#[routes(name = "billing", collect = never)]
fn billing() -> impl RouteSet {
    Routes::new().get("/x/{id}", ok)
}

#[routes(name = "orders", collect = never)]
fn orders() -> impl RouteSet {
    Routes::new().get("/x/{id}", ok)
}

#[routes(name = "names", collect = never)]
fn names() -> impl RouteSet {
    Routes::new().post("/x/{name}", ok)
}

#[routes(name = "twice", collect = never)]
fn twice() -> impl RouteSet {
    Routes::new().get("/", ok).get("/", ok)
}

#[routes(name = "colon", collect = never)]
fn colon() -> impl RouteSet {
    Routes::new().get("/rows/:id", ok)
}

#[routes(name = "mounts", collect = never)]
fn mounts() -> impl RouteSet {
    Routes::new().mount(axum::Router::new().route("/x/{id}", axum::routing::get(ok)))
}

/// R63, R66: one route twice is an error of the boot that names both plugins.
#[test]
fn a_route_that_two_plugins_serve_is_an_error_of_the_boot() {
    let text = boot_error(App::new().with(Billing::default()).with(Orders::default()));
    assert!(
        text.contains("`billing` and `orders` both serve `GET /x/{id}`"),
        "{text}"
    );
    assert!(text.contains("routing.rs:"), "{text}");
    let text = boot_error(App::new().with(Twice::default()));
    assert!(text.contains("`twice` serves `GET /` twice"), "{text}");
}

/// Conflicts are found by the shape of a path.
#[test]
fn one_shape_with_two_names_is_an_error_of_the_boot() {
    let text = boot_error(App::new().with(Billing::default()).with(Names::default()));
    assert!(
        text.contains("`/x/{id}` of `billing` and `/x/{name}` of `names`"),
        "{text}"
    );
    assert!(text.contains("name the parameters alike"), "{text}");
}

/// Another router's spelling is refused, with the right one.
#[test]
fn a_path_of_another_router_is_refused_with_the_right_spelling() {
    let text = boot_error(App::new().with(Colon::default()));
    assert!(text.contains("colon"), "{text}");
    assert!(
        text.contains("write `{id}` in place of `:id`, in `/rows/:id`"),
        "{text}"
    );
}

/// A conflict within a mounted router names the plugin that mounts it.
#[test]
fn a_mounted_router_that_conflicts_is_an_error_of_the_boot() {
    let text = boot_error(App::new().with(Billing::default()).with(Mounts::default()));
    assert!(text.contains("the router that `mounts` mounts"), "{text}");
}

/// R20, R52: a handler needs nothing around it; the service is a cheap handle that others may call.
#[test]
fn the_service_is_cloned_and_called_by_any_server() {
    let app = App::new().with(Methods::default());
    with_client(app, async |client| {
        let other = client.clone();
        let (a, b) = tokio::join!(
            client.get("/x").into_future(),
            other.post("/x").into_future()
        );
        a.assert_text("get");
        b.assert_text("post");
    });
}

use std::future::IntoFuture;
