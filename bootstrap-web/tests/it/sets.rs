//! Sets as plugins: the table, sets by hand, restarts of what they require.

use std::sync::Arc;

use bootstrap::extend::Requirements;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::{BoundRoutes, requirements_of};

use crate::support::{boot, boot_error, client, run};

#[supplied]
struct Rows(Vec<&'static str>);

async fn authenticate() -> Give<u8> {
    Give(7)
}

async fn list(rows: State<Rows>, _: Given<u8>) -> String {
    rows.0.join(",")
}

#[routes(name = "rows", collect = never)]
fn rows_set() -> impl RouteSet {
    Routes::new()
        .get("/version", || "1")
        .before_handle(authenticate)
        .get("/rows", list)
        .any("/rows/{id}", || "any")
}

/// The table of all routes is data, and a text.
#[test]
fn the_table_of_routes_shows_owners_requirements_and_hooks() {
    run(async {
        let running = boot(App::new().supply(Rows(vec![])).with(RowsSet::default())).await;
        let web: State<Web> = running.try_get().unwrap();
        let table = web.routes();
        let row = &table.routes()[1];
        assert_eq!(
            (&*row.plugin, &*row.path, &*row.handler),
            ("rows", "/rows", "list")
        );
        assert_eq!(row.method, Some(Method::GET));
        assert_eq!(row.requires, ["State<Rows>"]);
        assert_eq!(row.hooks, ["before_handle authenticate"]);
        assert!(row.at.to_string().contains("sets.rs:"), "{}", row.at);
        assert_eq!(
            table.to_string(),
            "GET /version    rows  a closure in rows_set\n\
             GET /rows       rows  list(State<Rows>)  [before_handle authenticate]\n\
             ANY /rows/{id}  rows  a closure in rows_set  [before_handle authenticate]\n"
        );
        running.close().await.unwrap();
    });
}

fn paged(page: usize) -> impl RouteSet {
    let list = move |rows: State<Rows>| async move { rows.0[..page.min(rows.0.len())].join(",") };
    Routes::new().get("/rows", list)
}

#[plugin(name = "paged", ports = [BoundRoutes], requires = || requirements_of(paged(0)), collect = never)]
struct Paged {
    #[option(default = 20)]
    page: usize,
    rows: State<Rows>,
    arguments: Requirements,
}

impl Hooks for Paged {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<BoundRoutes>> {
        assert_eq!(self.rows.0.len(), 3);
        BoundRoutes::new(paged(self.page), &self.arguments).map(Arc::new)
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        cx.stopped().await;
        Ok(())
    }
}

/// A plugin may have routes beside options, fields and a `run` hook.
#[test]
fn a_plugin_has_routes_beside_options_fields_and_hooks() {
    run(async {
        let app = App::new().supply(Rows(vec!["a", "b", "c"]));
        let running = boot(app.with(Paged::default().page(2))).await;
        client(&running).get("/rows").await.assert_text("a,b");
        running.close().await.unwrap();
    });
}

/// A set that is not the one that was planned is an error.
#[test]
fn a_set_that_requires_more_than_was_planned_is_an_error_of_the_boot() {
    fn changes(is_planned: bool) -> impl RouteSet {
        let set = Routes::new();
        if is_planned {
            set
        } else {
            set.get("/rows", |_: State<Rows>| "rows")
        }
    }

    #[plugin(name = "changes", ports = [BoundRoutes], requires = || requirements_of(changes(true)), collect = never)]
    struct Changes {
        arguments: Requirements,
    }

    impl Hooks for Changes {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<BoundRoutes>> {
            BoundRoutes::new(changes(false), &self.arguments).map(Arc::new)
        }
    }
    let text = boot_error(App::new().supply(Rows(vec![])).with(Changes::default()));
    assert!(
        text.contains("requires what the set did not when the app was planned"),
        "{text}"
    );
}

/// Without the web plugin a set is bound, and not served.
#[test]
fn a_set_without_the_web_plugin_boots() {
    run(async {
        let app = App::new().supply(Rows(vec![])).with(RowsSet::default());
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// The test kit explores an app with routes.
#[test]
fn the_test_kit_explores_an_app_with_routes() {
    bootstrap::testing::explore(|| {
        let app = App::new().supply(Rows(vec!["a"]));
        app.with(RowsSet::default()).with(WebPlugin::default())
    })
    .check();
}
