//! Explicit lists of plugins, which the compiler has checked.

use std::sync::Arc;

use bootstrap::plugins;
use bootstrap::prelude::*;
use support::paused;

trait Mailer: Send + Sync {
    fn name(&self) -> &'static str;
}

struct Sends(&'static str);

impl Mailer for Sends {
    fn name(&self) -> &'static str {
        self.0
    }
}

struct Pool(u32);

#[plugin(name = "database", states = [Pool], collect = false)]
struct Database {
    #[option(default = 1)]
    size: u32,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool(self.size))
    }
}

#[plugin(name = "smtp", ports = [dyn Mailer], collect = false)]
struct Smtp {
    #[option(default = "smtp")]
    by: &'static str,
}

impl Hooks for Smtp {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Sends(self.by)))
    }
}

#[plugin(name = "api", collect = false)]
struct Api {
    pool: State<Pool>,
    mailer: Port<dyn Mailer>,
    later: Lazy<Port<dyn Mailer>>,
    perhaps: Option<Port<str>>,
    all: Ports<dyn Mailer>,
}

impl Hooks for Api {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert!(self.perhaps.is_none());
        assert_eq!(
            (self.pool.0, self.mailer.name(), self.all.len()),
            (7, "fax", 1)
        );
        Ok(())
    }
}

#[test]
fn an_app_holds_exactly_what_its_list_says() {
    paused(async {
        let list = plugins![Api, Database { size: 7 }, Smtp { by: "fax" }];
        assert_eq!(format!("{list:?}"), r#"["api", "database", "smtp"]"#);
        App::of(list).boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn a_list_may_be_empty_and_an_app_of_it_may_get_more() {
    let mut app = App::of(plugins![]).with(Database::default());
    app.register_fn("more", async |_| Ok(()));
    assert_eq!(app.plan().unwrap().len(), 2);
}

#[test]
fn what_comes_from_outside_is_named_behind_the_plugins() {
    paused(async {
        let list = plugins![Api; besides: [State<Pool>, Port<dyn Mailer>]];
        let app = App::of(list).supply(Pool(7));
        let app = app.supply_port::<dyn Mailer>(Arc::new(Sends("fax")));
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn what_a_list_said_would_be_supplied_and_was_not_is_a_plan_error() {
    let list = plugins![Api; besides: [State<Pool>, Port<dyn Mailer>]];
    let errors = App::of(list).plan().unwrap_err();
    let texts: Vec<String> = errors.errors().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "plugin `api` and 1 other field need the port `dyn Mailer`, and nothing in this app provides it",
            "plugin `api` needs the state `Pool`, and nothing in this app provides it",
        ]
    );
}

/// The compiler lets it pass: which of them is meant can be said at run time.
#[test]
fn two_providers_of_a_port_are_left_to_the_plan() {
    #[plugin(name = "fax", ports = [dyn Mailer], collect = false)]
    struct Fax;

    impl Hooks for Fax {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
            Ok(Arc::new(Sends("fax")))
        }
    }

    let list = || plugins![Api, Database, Smtp, Fax];
    assert_eq!(
        App::of(list()).plan().unwrap_err().errors()[0].code(),
        "BOOT003"
    );
    let mut app = App::of(list());
    app.register(Smtp { by: "chief" }).primary();
    let names: Vec<String> = app
        .plan()
        .unwrap()
        .order()
        .map(|it| it.name().to_string())
        .collect();
    assert_eq!(names, ["database", "fax", "smtp#1", "smtp#2", "api"]);
}

#[test]
fn a_stand_in_and_a_parent_count_for_what_they_replace_and_bring() {
    #[plugin(name = "fake", states = [Pool], replaces = Database)]
    struct Fake;

    impl Hooks for Fake {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
            Ok(Pool(0))
        }
    }

    struct Table;

    #[plugin(name = "routes", states = [Table], child_of = Server)]
    struct Routes;

    impl Hooks for Routes {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Table> {
            Ok(Table)
        }
    }

    #[plugin(name = "server", collect = false)]
    struct Server;

    impl Hooks for Server {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            cx.register(Routes);
            Ok(())
        }
    }

    #[plugin(name = "user", collect = false)]
    struct User {
        pool: State<Pool>,
        table: State<Table>,
    }

    impl Hooks for User {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    paused(async {
        let app = App::of(plugins![User, Fake, Server]);
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn a_port_of_a_plugin_that_another_one_registers_is_named_behind_the_list() {
    #[plugin(name = "fax", ports = [dyn Mailer], child_of = Office)]
    struct Fax;

    impl Hooks for Fax {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
            Ok(Arc::new(Sends("fax")))
        }
    }

    #[plugin(name = "office", collect = false)]
    struct Office;

    impl Hooks for Office {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            cx.register(Fax);
            Ok(())
        }
    }

    paused(async {
        let list = plugins![Api, Database { size: 7 }, Office; besides: [Port<dyn Mailer>]];
        App::of(list).boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn generic_plugins_stand_in_lists_with_their_types() {
    #[plugin(name = "number", ports = [T], collect = false)]
    struct Number<T: Clone + Default + Send + Sync + 'static> {
        #[option]
        value: T,
    }

    impl<T: Clone + Default + Send + Sync + 'static> Hooks for Number<T> {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<T>> {
            Ok(Arc::new(self.value.clone()))
        }
    }

    #[plugin(name = "sum", collect = false)]
    struct Sum {
        number: Port<u8>,
    }

    impl Hooks for Sum {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            assert_eq!(*self.number, 3);
            Ok(())
        }
    }

    paused(async {
        let app = App::of(plugins![Sum, Number<u8> { value: 3 }]);
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// Longer than what the compiler looks through at once.
#[test]
fn who_provides_a_port_may_stand_far_behind_in_a_long_list() {
    macro_rules! many {
        ($($name:ident)*) => {$(
            #[plugin(collect = false)]
            struct $name;

            impl Hooks for $name {
                async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
                    Ok(())
                }
            }
        )*};
    }
    many! {
        P0 P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11 P12 P13 P14 P15 P16 P17 P18 P19 P20 P21 P22
        P23 P24 P25 P26 P27 P28 P29 P30 P31 P32 P33 P34 P35 P36 P37 P38 P39 P40 P41 P42 P43
        P44 P45 P46 P47 P48 P49 P50 P51 P52 P53 P54 P55 P56 P57 P58 P59 P60 P61 P62 P63 P64
        P65 P66 P67 P68 P69
    }
    let list = plugins![
        Api, Database, P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16,
        P17, P18, P19, P20, P21, P22, P23, P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34,
        P35, P36, P37, P38, P39, P40, P41, P42, P43, P44, P45, P46, P47, P48, P49, P50, P51, P52,
        P53, P54, P55, P56, P57, P58, P59, P60, P61, P62, P63, P64, P65, P66, P67, P68, P69, Smtp,
    ];
    assert_eq!(App::of(list).plan().unwrap().len(), 73);
}
