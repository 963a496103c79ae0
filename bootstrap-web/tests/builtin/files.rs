use std::fs;
use std::path::Path;

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_web::Files;
use bootstrap_web::prelude::*;
use tempfile::TempDir;

use crate::support::{boot_error, with_client};

/// A folder `public` with files, and a secret beside it.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("secret.txt", "secret");
    write("public/index.html", "<h1>home</h1>");
    write("public/app.js", "let a = 1;");
    write("public/with space.txt", "spaced");
    write("public/docs/index.html", "<h1>docs</h1>");
    write("public/empty/.keep", "secret");
    write("public/.env", "secret");
    write("public/.git/config", "secret");
    folder
}

fn app(folder: &TempDir) -> App {
    App::new().with(Files::default().folder(folder.path().join("public")))
}

#[test]
fn files_and_indexes_of_folders_are_served() {
    let folder = folder();
    with_client(app(&folder), async |client| {
        let script = client.get("/static/app.js").await;
        script.assert_status(200).assert_text("let a = 1;");
        script.assert_header("content-type", "text/javascript");
        script.assert_header("x-content-type-options", "nosniff");
        script.assert_header("cache-control", "max-age=0");
        client
            .get("/static/with%20space.txt")
            .await
            .assert_text("spaced");
        client.get("/static/").await.assert_text("<h1>home</h1>");
        client
            .get("/static/docs/")
            .await
            .assert_text("<h1>docs</h1>");
        let redirect = client.get("/static/docs?a=b").await;
        redirect
            .assert_status(307)
            .assert_header("location", "/static/docs/?a=b");
        client
            .get("/static")
            .await
            .assert_status(307)
            .assert_header("location", "/static/");
        for path in [
            "/static/empty",
            "/static/empty/",
            "/static/none.txt",
            "/static/app.js/x",
        ] {
            let response = client.get(path).await;
            response
                .assert_status(404)
                .assert_header("content-type", "application/problem+json");
        }
        client.post("/static/app.js").await.assert_status(405);
    });
}

#[test]
fn ranges_and_conditional_requests_are_answered() {
    let folder = folder();
    with_client(app(&folder), async |client| {
        let part = client
            .get("/static/app.js")
            .header("range", "bytes=4-4")
            .await;
        part.assert_status(206).assert_text("a");
        let whole = client.get("/static/app.js").await;
        let modified = whole.header("last-modified").unwrap();
        let again = client
            .get("/static/app.js")
            .header("if-modified-since", modified)
            .await;
        again.assert_status(304);
    });
}

#[test]
fn nothing_outside_of_the_folder_and_no_dot_file_is_served() {
    let folder = folder();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        let public = folder.path().join("public");
        symlink(folder.path().join("secret.txt"), public.join("link.txt")).unwrap();
        symlink(folder.path(), public.join("up")).unwrap();
        symlink(public.join(".env"), public.join("env.txt")).unwrap();
        // Within the folder.
        symlink(public.join("app.js"), public.join("good.js")).unwrap();
    }
    with_client(app(&folder), async |client| {
        for path in [
            "/../secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e/secret.txt",
            "/%2e%2e%2fsecret.txt",
            "/docs/../../secret.txt",
            "/docs/..%2f..%2fsecret.txt",
            "/..%5csecret.txt",
            "/..%255csecret.txt",
            "/%252e%252e/secret.txt",
            "/app.js%00.html",
            "//etc/passwd",
            "/%2fetc/passwd",
            "/%2fetc%2fpasswd",
            "/.env",
            "/%2eenv",
            "/.git/config",
            "/docs/..%2f.env",
            "/empty/.keep",
            "/link.txt",
            "/up/secret.txt",
            "/env.txt",
            "/./app.js",
            "/app.js::$DATA",
            "/C:/secret.txt",
        ] {
            let response = client.get(&format!("/static{path}")).await;
            let status = response.status().as_u16();
            assert!((400..500).contains(&status), "{path}: {status}");
            assert!(!response.text().contains("secret"), "{path}");
        }
        #[cfg(unix)]
        client.get("/static/good.js").await.assert_status(200);
    });
}

#[test]
fn a_redirect_does_not_lead_to_another_host() {
    let folder = folder();
    let files = Files::default()
        .folder(folder.path().join("public"))
        .path("/".into());
    with_client(App::new().with(files), async |client| {
        for path in ["//docs", "/%2fdocs", "//evil.example/..%2fdocs", "/%5cdocs"] {
            let response = client.get(path).await;
            let location = response.header("location").unwrap_or_default();
            assert!(
                !location.starts_with("//") && !location.starts_with("/\\"),
                "{path}: {location}"
            );
        }
        client
            .get("/docs")
            .await
            .assert_header("location", "/docs/");
    });
}

#[test]
fn a_fallback_answers_for_an_app_in_the_browser_and_routes_come_first() {
    #[routes(collect = never)]
    fn api() -> impl RouteSet {
        Routes::new().get("/api/rows", || async { "rows" })
    }
    let folder = folder();
    let configuration = Configuration::new()
        .set(
            "files.folder",
            folder.path().join("public").to_str().unwrap(),
        )
        .set("files.path", "/")
        .set("files.fallback", "index.html")
        .set("files.max_age", "1m");
    let app = App::new()
        .with(Api::default())
        .with(Files::default())
        .configure(configuration);
    with_client(app, async |client| {
        client
            .get("/rows/7")
            .await
            .assert_status(200)
            .assert_text("<h1>home</h1>");
        client.get("/").await.assert_text("<h1>home</h1>");
        client.get("/.env").await.assert_text("<h1>home</h1>");
        client.get("/api/rows").await.assert_text("rows");
        client
            .get("/app.js")
            .await
            .assert_header("cache-control", "max-age=60");
    });
}

#[test]
fn hooks_of_global_sets_apply_to_files() {
    #[routes(global, collect = never)]
    fn locked() -> impl RouteSet {
        Routes::new().before_handle(|| Err::<(), _>(Problem::unauthorized()))
    }
    let folder = folder();
    with_client(app(&folder).with(Locked::default()), async |client| {
        client.get("/static/app.js").await.assert_status(401);
    });
}

#[test]
fn a_folder_that_is_missing_is_an_error_of_the_boot() {
    let folder = folder();
    let of = |path: &Path| Files::default().folder(path.to_owned());
    let error = boot_error(App::new().with(of(&folder.path().join("none"))));
    assert!(
        error.contains("`files.folder` is `") && error.contains("can't be opened"),
        "{error}"
    );
    let error = boot_error(App::new().with(of(&folder.path().join("secret.txt"))));
    assert!(error.contains("which is not a folder"), "{error}");
    let files = of(&folder.path().join("public")).fallback("../secret.txt".into());
    let error = boot_error(App::new().with(files));
    assert!(
        error.contains("`files.fallback` is `../secret.txt`"),
        "{error}"
    );
}

#[test]
fn without_a_folder_nothing_is_served() {
    with_client(App::new().with(Files::default()), async |client| {
        client.get("/static/app.js").await.assert_status(404);
    });
}
