use axum::http::Method;
use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::{Cors, axum};

use crate::support::{boot_error, with_client};

#[routes(collect = never)]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/", || async { "hello" })
        .put("/", || async {})
}

fn app(origins: &[&str], credentials: bool) -> App {
    let origins: Vec<String> = origins.iter().map(|&it| it.to_owned()).collect();
    let configuration = Configuration::new()
        .set("cors.origins", origins)
        .set("cors.credentials", credentials);
    App::new()
        .with(Api::default())
        .with(Cors::default())
        .configure(configuration)
}

const ALLOWED: &str = "access-control-allow-origin";

#[test]
fn no_origin_is_allowed_unless_it_is_listed() {
    let plain = App::new().with(Api::default()).with(Cors::default());
    with_client(plain, async |client| {
        let response = client
            .get("/")
            .header("origin", "https://app.example")
            .await;
        assert_eq!(response.assert_status(200).header(ALLOWED), None);
        assert_eq!(response.header("vary"), None);
    });
    with_client(app(&["https://app.example"], false), async |client| {
        for (origin, allowed) in [
            ("https://app.example", Some("https://app.example")),
            ("https://app.example.evil", None),
            ("http://app.example", None),
            ("null", None),
        ] {
            let response = client.get("/").header("origin", origin).await;
            assert_eq!(response.header(ALLOWED), allowed, "{origin}");
        }
    });
}

#[test]
fn a_preflight_request_is_answered_for_every_path_also_of_problems() {
    with_client(
        app(&["https://app.example", "http://localhost:5173"], true),
        async |client| {
            let preflight = client.request(Method::OPTIONS, "/");
            let preflight = preflight.header("origin", "http://localhost:5173");
            let response = preflight
                .header("access-control-request-method", "PUT")
                .await;
            response
                .assert_status(200)
                .assert_header(ALLOWED, "http://localhost:5173");
            response.assert_header("access-control-allow-credentials", "true");
            response.assert_header("access-control-max-age", "600");
            assert!(
                response
                    .header("access-control-allow-methods")
                    .unwrap()
                    .contains("PUT")
            );
            let response = client
                .get("/nowhere")
                .header("origin", "https://app.example")
                .await;
            response
                .assert_status(404)
                .assert_header(ALLOWED, "https://app.example");
            response.assert_header("access-control-expose-headers", "x-request-id");
        },
    );
}

#[test]
fn all_origins_may_use_a_service_without_credentials() {
    with_client(app(&["*"], false), async |client| {
        let response = client
            .get("/")
            .header("origin", "https://any.example")
            .await;
        response.assert_header(ALLOWED, "*");
        assert_eq!(response.header("access-control-allow-credentials"), None);
    });
}

#[test]
fn all_origins_with_credentials_are_an_error_of_the_boot() {
    let error = boot_error(app(&["*"], true));
    assert!(
        error.contains("`cors.origins` has `*`, and `cors.credentials` is true"),
        "{error}"
    );
    assert!(error.contains("cors"), "{error}");
}

#[test]
fn a_key_that_is_wrong_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service.toml");
    std::fs::write(&file, "[cors]\norigins = ['null']").unwrap();
    let configuration = Configuration::new().file(&file);
    let error = boot_error(App::new().with(Cors::default()).configure(configuration));
    assert!(error.contains("service.toml:2:1"), "{error}");
    let help = "help: write `https://app.example`, without a path";
    assert!(error.ends_with(help), "{error}");
}

#[test]
fn what_is_malformed_is_an_error_of_the_boot() {
    for origin in [
        "app.example",
        "https://app.example/",
        "https://App.example",
        "null",
        "",
        "https://a@b",
    ] {
        let error = boot_error(app(&[origin], false));
        assert!(
            error.contains(&format!("`{origin}`, which is not an origin")),
            "{error}"
        );
    }
    let error = boot_error(app(&["*", "https://app.example"], false));
    assert!(error.contains("`*` beside other origins"), "{error}");
    let cors = || Cors::default().origins(vec!["https://app.example".into()]);
    let of = |cors: Cors| boot_error(App::new().with(cors));
    let error = of(cors().methods(vec!["get".into()]));
    assert!(error.contains("`get`, which is not a method"), "{error}");
    for name in ["*", "not a header"] {
        let error = of(cors().headers(vec![name.into()]));
        assert!(
            error.contains(&format!("`cors.headers` has `{name}`")),
            "{error}"
        );
    }
}
