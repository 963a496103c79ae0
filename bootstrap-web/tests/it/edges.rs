//! The arguments of handlers and hooks are requirements, as fields are.

use std::sync::Arc;

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

use crate::support::{boot_error, with_client};

pub struct A(u32);
pub struct B;
pub struct C;

pub trait Mailer: Send + Sync {
    fn name(&self) -> &'static str;
}

struct Smtp;

impl Mailer for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }
}

#[plugin(name = "a", states = [A], collect = never)]
struct APlugin;

impl Hooks for APlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<A> {
        Ok(A(7))
    }
}

#[plugin(name = "b", states = [B], collect = never)]
struct BPlugin;

impl Hooks for BPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<B> {
        Ok(B)
    }
}

#[plugin(name = "c", states = [C], collect = never)]
struct CPlugin;

impl Hooks for CPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<C> {
        Ok(C)
    }
}

#[plugin(name = "smtp", ports = [dyn Mailer], collect = never)]
struct SmtpPlugin;

impl Hooks for SmtpPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Smtp))
    }
}

fn providers() -> App {
    App::new()
        .with(APlugin)
        .with(BPlugin)
        .with(CPlugin)
        .with(SmtpPlugin)
}

/// The edges of the plugin `set`.
fn edges(app: App) -> Vec<String> {
    let plan = app.plan().unwrap();
    let of_set = plan.edges().filter(|edge| *edge.from.name() == "set");
    let mut edges: Vec<String> = of_set
        .map(|edge| {
            let mut states: Vec<_> = edge.states().map(|it| it.to_string()).collect();
            states.sort();
            states.dedup();
            format!("{}: {}", edge.to.name(), states.join(","))
        })
        .collect();
    edges.sort();
    edges
}

macro_rules! signatures {
    ($($name:ident($($argument:ident: $ty:ty),*);)*) => {
        $(mod $name {
            use super::*;

            #[plugin(name = "set", collect = never)]
            pub struct Fields {
                $(pub $argument: $ty,)*
            }

            impl Hooks for Fields {}

            #[routes(name = "set", collect = never)]
            pub fn set() -> impl RouteSet {
                Routes::new().get("/", |$($argument: $ty),*| {
                    $(drop($argument);)*
                })
            }
        })*

        /// Edges are the same as those of a plugin with fields of the same types.
        #[test]
        fn arguments_make_the_same_edges_as_fields() {
            let mut all = 0;
            $(
                let of_set = edges(providers().with($name::Set::default()));
                assert_eq!(of_set, edges(providers().with($name::Fields::default())));
                all += of_set.len();
            )*
            assert!(all > 15, "{all}");
        }
    };
}

signatures! {
    none();
    one(a: State<A>);
    two(a: State<A>, b: State<B>);
    optional(a: Option<State<A>>, b: State<B>);
    lazy(a: Lazy<State<A>>, c: State<C>);
    port(mailer: Port<dyn Mailer>);
    optional_port(a: State<A>, mailer: Option<Port<dyn Mailer>>);
    ports(mailers: Ports<dyn Mailer>, b: Option<State<B>>);
    lazy_port(mailer: Lazy<Port<dyn Mailer>>, c: State<C>);
    twice(a: State<A>, other: State<A>);
    mixed(a: State<A>, b: Option<State<B>>, c: Lazy<State<C>>, m: Port<dyn Mailer>);
    all(a: State<A>, b: State<B>, c: State<C>, m: Ports<dyn Mailer>);
}

#[routes(name = "api", collect = never)]
fn api() -> impl RouteSet {
    Routes::new()
        .before_handle(|_: State<B>| {})
        .on_error(|_: Arc<Problem>, _: State<C>| {})
        .get(
            "/{n}",
            |a: State<A>, Path(n): Path<u32>, mailer: Port<dyn Mailer>| {
                format!("{} {}", a.0 + n, mailer.name())
            },
        )
}

/// Handlers get what they require.
#[test]
fn handlers_take_states_and_ports_beside_extractors() {
    with_client(providers().with(Api::default()), async |client| {
        client.get("/3").await.assert_text("10 smtp");
    });
}

/// An app with a set alone contains what its handlers and hooks require.
#[test]
fn an_app_of_one_set_contains_what_its_handlers_require() {
    let plan = App::only(Collected::default()).plan().unwrap();
    let mut names: Vec<String> = plan.order().map(|it| it.name().to_string()).collect();
    names.sort();
    assert_eq!(names, ["collected", "stock"]);
}

struct Stock;

#[plugin(name = "stock", states = [Stock], collect = needed)]
struct StockPlugin;

impl Hooks for StockPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Stock> {
        Ok(Stock)
    }
}

#[routes(name = "collected")]
fn collected() -> impl RouteSet {
    Routes::new().get("/stock", |_: State<Stock>| "stock")
}

/// What is missing is called by the argument, the function and the route.
#[test]
fn a_missing_provider_is_called_by_its_argument() {
    async fn list(_: State<A>) {}

    #[routes(name = "lists", collect = never)]
    fn lists() -> impl RouteSet {
        Routes::new().nest("/rows", |rows| rows.get("/all", list))
    }
    let text = boot_error(App::new().with(Lists::default()));
    assert!(
        text.contains("argument `State<A>` of `list` (GET /rows/all)"),
        "{text}"
    );
    assert!(text.contains("edges.rs:"), "{text}");
}

/// A cycle through a handler is found by the plan.
#[test]
fn a_cycle_through_a_handler_is_an_error_of_the_plan() {
    struct Index;

    #[plugin(name = "index", states = [Index], collect = never)]
    struct IndexPlugin {
        web: State<Web>,
    }

    impl Hooks for IndexPlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Index> {
            let _ = &self.web;
            Ok(Index)
        }
    }

    #[routes(name = "search", collect = never)]
    fn search() -> impl RouteSet {
        Routes::new().get("/search", |_: State<Index>| "found")
    }
    let app = App::new()
        .with(IndexPlugin::default())
        .with(Search::default());
    let error = app.with(WebPlugin::default()).plan().unwrap_err();
    let text = error.render();
    assert!(text.contains("plugin `index` depends on itself"), "{text}");
    assert!(text.contains("argument `State<Index>` of "), "{text}");
}
