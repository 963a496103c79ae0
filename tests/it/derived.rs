//! Requirements that are no fields, as crates derive them that make plugins of something else.

use std::sync::Arc;

use bootstrap::extend::{Requirement, Requirements};
use bootstrap::plan::Location;
use bootstrap::prelude::*;
use support::paused;

#[supplied]
struct Table(u32);

trait Mailer: Send + Sync {
    fn name(&self) -> &str;
}

struct Smtp;

impl Mailer for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }
}

const fn here() -> Location {
    Location::new("src/routes.rs", 7, 1)
}

/// What another crate finds in the arguments of functions.
fn of_handlers() -> Vec<Requirement> {
    vec![
        Requirement::of::<State<Table>>("argument `State<Table>` of `list`", here()),
        Requirement::of::<Option<Port<dyn Mailer>>>(
            "argument `Option<Port<dyn Mailer>>` of `send`",
            here(),
        ),
    ]
}

#[plugin(name = "routes", requires = of_handlers, collect = never)]
struct Routes {
    #[option(default = 80)]
    port: u16,
    own: State<Table>,
    bound: Requirements,
}

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let table: &State<Table> = self.bound.get().unwrap();
        let mailer: &Option<Port<dyn Mailer>> = self.bound.get().unwrap();
        assert_eq!((table.0, self.own.0, self.port), (7, 7, 8080));
        assert_eq!(mailer.as_ref().map(|it| it.name()), Some("smtp"));
        assert_eq!((self.bound.len(), self.bound.is_empty()), (2, false));
        assert!(
            self.bound.get::<Port<dyn Mailer>>().is_none(),
            "not in the list"
        );
        Ok(())
    }
}

/// The same requirements as fields.
#[plugin(name = "routes", collect = never)]
struct Fields {
    own: State<Table>,
    table: State<Table>,
    mailer: Option<Port<dyn Mailer>>,
}

impl Hooks for Fields {}

fn app() -> App {
    let smtp = Port::<dyn Mailer>::from_arc(Arc::new(Smtp));
    App::new().supply(Table(7)).supply(smtp)
}

#[test]
fn derived_requirements_are_bound_beside_fields_and_options() {
    paused(async {
        let app = app().with(Routes::default().port(8080));
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn derived_requirements_make_the_same_edges_as_fields() {
    let edges = |app: App| -> Vec<String> {
        let plan = app.plan().unwrap();
        let edges = plan.edges().map(|edge| {
            let states: Vec<String> = edge.states().map(|it| it.to_string()).collect();
            format!(
                "{} -> {}: {}",
                edge.from.name(),
                edge.to.name(),
                states.join(", ")
            )
        });
        edges.collect()
    };
    let derived = edges(app().with(Routes::default()));
    assert_eq!(derived, edges(app().with(Fields::default())));
    assert_eq!(derived.len(), 2);
}

#[test]
fn a_derived_requirement_that_is_missing_is_called_as_it_says() {
    let errors = App::new().with(Routes::default()).plan().unwrap_err();
    let text = errors.render();
    assert!(text.contains("argument `State<Table>` of `list`"), "{text}");
    assert!(text.contains("src/routes.rs:7"), "{text}");
}
