//! Who is meant: the only one, the primary one, the override, or everybody.

use std::sync::Arc;

use bootstrap::error::{LookupError, LookupFailure};
use bootstrap::extend::{Descriptor, Fields, Plugin, States};
use bootstrap::plugin_with;
use bootstrap::prelude::*;
use support::paused;

use super::*;

#[test]
fn the_only_one_that_provides_a_port_is_meant() {
    paused(async {
        let app = App::new().with(One::default()).with(Mail::by("smtp"));
        assert_eq!(app.plan().unwrap().edges().count(), 1);
        assert_eq!(meant(app).await, ["smtp"]);
    });
}

#[test]
fn a_plugin_returns_its_ports_after_its_states() {
    struct Address(&'static str);

    #[plugin(name = "both", states = [Address], ports = [dyn Mailer, u32], collect = never)]
    struct Both;

    impl Hooks for Both {
        async fn load(
            &mut self,
            _: &mut LoadContext,
        ) -> Result<(Address, Arc<dyn Mailer>, Arc<u32>)> {
            Ok((Address("a@b"), Arc::new(Sends("both".into())), Arc::new(7)))
        }

        async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
            let (address, mailer, number) = cx.states();
            assert_eq!(
                (address.0, mailer.name(), *number),
                ("a@b", "both".into(), 7)
            );
            Ok(())
        }
    }

    paused(async {
        let mut app = App::new().with(One::default());
        let both = app.register(Both);
        let (address, number) = (both.handle::<State<Address>>(), both.handle::<Port<u32>>());
        let running = app.boot().await.unwrap();
        assert_eq!((address.0, *number), ("a@b", 7));
        assert_eq!(
            running.try_get::<Port<dyn Mailer>>().unwrap().name(),
            "both"
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_port_may_have_any_type_of_any_crate() {
    #[plugin(ports = [str], collect = never)]
    struct Words;

    impl Hooks for Words {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<str>> {
            Ok("hello".into())
        }
    }

    paused(async {
        let running = App::new().with(Words).boot().await.unwrap();
        assert_eq!(&*running.try_get::<Port<str>>().unwrap(), "hello");
        // A state of that type is another thing.
        let state = running.try_get::<State<String>>().unwrap_err();
        assert!(matches!(
            state,
            LookupError {
                why: LookupFailure::Missing,
                ..
            }
        ));
        running.close().await.unwrap();
    });
}

#[test]
fn who_can_do_without_a_port_gets_none() {
    paused(async {
        for (app, expected) in [
            (App::new().with(Optional::default()), None),
            (
                App::new().with(Optional::default()).with(Mail::by("smtp")),
                Some("smtp"),
            ),
        ] {
            let running = app.boot().await.unwrap();
            assert_eq!(
                running.try_get::<State<Perhaps>>().unwrap().0.as_deref(),
                expected
            );
            running.close().await.unwrap();
        }
    });
}

#[test]
fn everybody_who_provides_a_port_is_there_in_the_order_of_their_names() {
    paused(async {
        let mut app = App::new().with(All::default());
        app.register(Mail::by("x")).named("zulu");
        app.register(Mail::by("y")).named("alpha");
        app.register(Mail::by("first"));
        app.register(Mail::by("second"));
        let expected = pairs(&[
            ("alpha", "y"),
            ("mail#1", "first"),
            ("mail#2", "second"),
            ("zulu", "x"),
        ]);
        assert_eq!(app.plan().unwrap().edges().count(), 4);
        assert_eq!(everybody(app).await, expected);
    });
}

#[test]
fn nobody_needs_to_provide_what_somebody_asks_all_for() {
    paused(async {
        assert_eq!(everybody(App::new().with(All::default())).await, pairs(&[]));
    });
}

#[test]
fn one_of_all_is_found_by_the_name_of_its_plugin() {
    #[plugin(name = "finder", collect = never)]
    struct Finder {
        mailers: Ports<dyn Mailer>,
    }

    impl Hooks for Finder {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            assert_eq!(self.mailers.len(), 2);
            assert!(!self.mailers.is_empty());
            assert_eq!(self.mailers.get("mail#2").unwrap().name(), "b");
            assert!(self.mailers.get("fax").is_none());
            assert_eq!(format!("{:?}", self.mailers), r#"{"mail#1", "mail#2"}"#);
            Ok(())
        }
    }

    paused(async {
        let app = App::new().with(Finder::default());
        let app = app.with(Mail::by("a")).with(Mail::by("b"));
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn who_provides_a_port_does_not_wait_for_itself_when_it_asks_for_all() {
    #[plugin(name = "relay", ports = [dyn Mailer], collect = never)]
    struct Relay {
        others: Ports<dyn Mailer>,
    }

    impl Hooks for Relay {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
            let names: Vec<String> = self.others.iter().map(|(_, it)| it.name()).collect();
            Ok(Arc::new(Sends(names.join("+"))))
        }
    }

    paused(async {
        let mut app = App::new().with(One::default());
        app.register(Relay::default()).primary();
        let app = app.with(Mail::by("a")).with(Mail::by("b"));
        assert_eq!(meant(app).await, ["a+b"]);
    });
}

#[test]
fn who_is_around_a_port_gets_the_other_one_and_is_meant_by_the_rest() {
    #[plugin(name = "around", ports = [dyn Mailer], primary, collect = never)]
    struct Around {
        inner: Port<dyn Mailer>,
    }

    impl Hooks for Around {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
            Ok(Arc::new(Sends(format!("around {}", self.inner.name()))))
        }
    }

    #[plugin(name = "office", collect = never)]
    struct Office;

    impl Hooks for Office {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            let around = cx.register(Around::default()).await?;
            assert_eq!(around.name(), "around smtp");
            Ok(())
        }
    }

    paused(async {
        let app = || App::new().with(Mail::by("smtp"));
        assert_eq!(
            meant(app().with(One::default()).with(Around::default())).await,
            ["around smtp"]
        );
        app()
            .with(Office)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        let errors = App::new().with(Around::default()).plan().unwrap_err();
        assert_eq!(
            messages(&errors),
            ["plugin `around` needs the port `dyn Mailer`, and nothing in this app provides it"]
        );
    });
}

#[test]
fn of_several_the_primary_one_is_meant_and_the_others_are_loaded() {
    paused(async {
        let app = || {
            let mut app = App::new().with(Mail::by("a"));
            app.register(Mail::by("b")).primary();
            app.with(Mail::by("c"))
        };
        assert_eq!(meant(app().with(One::default())).await, ["b"]);
        let all = pairs(&[("mail#1", "a"), ("mail#2", "b"), ("mail#3", "c")]);
        assert_eq!(everybody(app().with(All::default())).await, all);
        let running = app().boot().await.unwrap();
        assert_eq!(running.try_get::<Port<dyn Mailer>>().unwrap().name(), "b");
        running.close().await.unwrap();
    });
}

#[test]
fn a_plugin_may_say_itself_that_it_is_primary() {
    #[plugin(name = "chief", ports = [dyn Mailer], primary, collect = never)]
    struct Chief;

    impl Hooks for Chief {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
            Ok(Arc::new(Sends("chief".into())))
        }
    }

    paused(async {
        let app = App::new().with(One::default());
        assert_eq!(meant(app.with(Mail::by("a")).with(Chief)).await, ["chief"]);
    });
}

#[test]
fn a_primary_instance_decides_between_states_as_well() {
    struct Number(u32);

    #[plugin(name = "number", states = [Number], collect = never)]
    struct NumberPlugin {
        #[option(required)]
        value: u32,
    }

    impl Hooks for NumberPlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Number> {
            Ok(Number(self.value))
        }
    }

    paused(async {
        let mut app = App::new().with(NumberPlugin { value: 1 });
        app.register(NumberPlugin { value: 2 }).primary();
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Number>>().unwrap().0, 2);
        running.close().await.unwrap();
    });
}

#[test]
fn a_supplied_port_outranks_plugins_and_ports_hold_all() {
    paused(async {
        let app = || {
            let mut app = App::new().with(Mail::by("a"));
            app.register(Mail::by("b")).primary();
            let outside: Arc<dyn Mailer> = Arc::new(Sends("outside".into()));
            app.supply(Port::from_arc(outside))
        };
        assert_eq!(meant(app().with(One::default())).await, ["outside"]);
        let all = everybody(app().with(All::default())).await;
        let expected = [
            ("mail#1", "a"),
            ("mail#2", "b"),
            ("supplied dyn Mailer", "outside"),
        ];
        assert_eq!(all, pairs(&expected));
        let plan = app().with(One::default()).plan().unwrap();
        let hidden = plan.shadowed().map(|it| it.plugin.name().to_string());
        assert_eq!(hidden.collect::<Vec<_>>(), ["mail#1", "mail#2"]);
    });
}

#[test]
fn a_handle_reaches_a_provider_that_is_outranked() {
    paused(async {
        let mut app = App::new();
        let hidden = app.register(Mail::by("hidden"));
        app.register(Mail::by("fake")).primary();
        app.register(One {
            mailer: hidden.handle(),
        });
        assert_eq!(meant(app).await, ["hidden"]);
    });
}

#[test]
fn one_plugin_and_what_it_requires_includes_who_is_linked_and_provides_its_port() {
    trait Clock: Send + Sync {
        fn hour(&self) -> u32;
    }

    struct Fixed(u32);

    impl Clock for Fixed {
        fn hour(&self) -> u32 {
            self.0
        }
    }

    #[plugin(name = "only-clock", ports = [dyn Clock])]
    struct ClockPlugin;

    impl Hooks for ClockPlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Clock>> {
            Ok(Arc::new(Fixed(12)))
        }
    }

    #[plugin(name = "only-tower", collect = never)]
    struct Tower {
        clock: Port<dyn Clock>,
    }

    impl Hooks for Tower {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            assert!(self.clock.hour() < 24);
            Ok(())
        }
    }

    let names = |app: App| -> Vec<String> {
        let plan = app.plan().unwrap();
        plan.order().map(|it| it.name().to_string()).collect()
    };
    assert_eq!(
        names(App::only(Tower::default())),
        ["only-clock", "only-tower"]
    );
    // Unless another one is there already.
    let app = App::only(Tower::default()).supply(Port::<dyn Clock>::from_arc(Arc::new(Fixed(3))));
    assert_eq!(names(app), ["supplied dyn Clock", "only-tower"]);
}

#[test]
fn a_plugin_that_is_written_by_hand_asks_and_provides_like_others() {
    struct ByHand {
        mailer: Port<dyn Mailer>,
        all: Ports<dyn Mailer>,
        none: Option<Port<u64>>,
    }

    impl bootstrap::extend::ProvidesPort<str> for ByHand {}

    #[bootstrap::extend::async_trait]
    impl Plugin for ByHand {
        fn descriptor(&self) -> Descriptor {
            Descriptor::new("by-hand").provides_port::<str>()
        }

        fn fields(&mut self, fields: &mut Fields<'_>) {
            fields.field("mailer", &mut self.mailer);
            fields.field("all", &mut self.all);
            fields.field("none", &mut self.none);
        }

        async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
            let text = format!(
                "{} {} {}",
                self.mailer.name(),
                self.all.len(),
                self.none.is_some()
            );
            Ok(States::new().with_port::<str>(text.into()))
        }
    }

    paused(async {
        let mut app = App::new().with(Mail::by("smtp"));
        let by_hand = app.register(ByHand {
            mailer: Port::unbound(),
            all: Ports::unbound(),
            none: None,
        });
        let text = by_hand.handle::<Port<str>>();
        let running = app.boot().await.unwrap();
        assert_eq!(&*text, "smtp 1 false");
        running.close().await.unwrap();
    });
}

#[test]
fn a_plugin_is_made_from_a_port() {
    struct MadeFrom(Vec<String>);

    #[plugin(name = "made", states = [MadeFrom], collect = never)]
    struct Made {
        #[option(required)]
        name: String,
        mailer: Port<dyn Mailer>,
    }

    impl Hooks for Made {
        async fn load(&mut self, _: &mut LoadContext) -> Result<MadeFrom> {
            Ok(MadeFrom(vec![self.name.clone(), self.mailer.name()]))
        }
    }

    paused(async {
        let mut app = App::new();
        let first = app.register(Mail::by("first"));
        let second = app.register(Mail::by("second"));
        app.register(plugin_with(second.handle(), |mailer: Port<dyn Mailer>| {
            Made {
                name: format!("made from {}", mailer.name()),
                mailer: Port::unbound(),
            }
        }));
        let running = app.boot().await.unwrap();
        let meant = running.try_get::<State<MadeFrom>>().unwrap();
        // The port that it is made from is the one that its field means.
        assert_eq!(meant.0, ["made from second", "second"]);
        assert_eq!(first.handle::<Port<dyn Mailer>>().name(), "first");
        running.close().await.unwrap();
    });
}

#[test]
fn what_a_port_holds_can_be_kept() {
    paused(async {
        let mut app = App::new();
        let port: Port<dyn Mailer> = app.register(Mail::by("smtp")).handle();
        assert!(Port::get(&port).is_none() && Port::to_arc(&port).is_none());
        assert_eq!(format!("{port:?}"), "Port<dyn Mailer>(unbound)");
        let running = app.boot().await.unwrap();
        let kept = Port::to_arc(&port).unwrap();
        assert_eq!(
            (kept.name(), port.as_ref().name()),
            ("smtp".into(), "smtp".into())
        );
        assert_eq!(format!("{port:?}"), "Port<dyn Mailer>(bound)");
        drop(port);
        running.close().await.unwrap();
        assert_eq!(kept.name(), "smtp");
    });
}

#[test]
#[should_panic(
    expected = "the port `dyn Mailer` is not there yet: plugin `mail` (tests/it/ports/mod.rs"
)]
fn reading_a_port_before_its_plugin_has_loaded_names_the_plugin() {
    let mut app = App::new();
    let port: Port<dyn Mailer> = app.register(Mail::by("smtp")).handle();
    let _ = port.name();
}

#[test]
fn every_context_reads_ports() {
    #[plugin(name = "reader", collect = never)]
    struct Reader;

    impl Hooks for Reader {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }

        async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
            assert_eq!(cx.try_get::<Port<dyn Mailer>>()?.name(), "smtp");
            Ok(())
        }

        async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
            assert_eq!(cx.try_get::<Port<dyn Mailer>>()?.name(), "smtp");
            Ok(())
        }

        async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
            assert_eq!(cx.try_get::<Port<dyn Mailer>>()?.name(), "smtp");
            Ok(())
        }
    }

    paused(async {
        let app = App::new().with(Reader).with(Mail::by("smtp"));
        let app = app.on_ready(async |cx| {
            assert_eq!(cx.try_get::<Port<dyn Mailer>>()?.name(), "smtp");
            Ok(())
        });
        let running = app.boot().await.unwrap();
        let missing = running.try_get::<Port<u8>>().unwrap_err();
        assert_eq!(
            missing.to_string(),
            "no plugin of this app provides the port `u8`"
        );
        running.close().await.unwrap();
    });
}

#[test]
fn several_without_a_primary_one_are_ambiguous_while_the_app_runs() {
    paused(async {
        let app = App::new().with(Mail::by("a")).with(Mail::by("b"));
        let running = app.boot().await.unwrap();
        assert_eq!(
            running
                .try_get::<Port<dyn Mailer>>()
                .unwrap_err()
                .to_string(),
            "several plugins provide the port `dyn Mailer` (`mail#1`, `mail#2`)"
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_restart_of_a_provider_gives_those_who_ask_a_new_port() {
    #[plugin(name = "counts", ports = [u32], collect = never)]
    struct Counts {
        #[option(required)]
        loads: Arc<std::sync::atomic::AtomicU32>,
    }

    impl Hooks for Counts {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<u32>> {
            let before = self.loads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(Arc::new(before + 1))
        }
    }

    struct Seen(Vec<String>);

    #[plugin(name = "sees", states = [Seen], collect = never)]
    struct Sees {
        count: Port<u32>,
        all: Ports<u32>,
    }

    impl Hooks for Sees {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Seen> {
            let all = self.all.iter().map(|(_, count)| count.to_string());
            Ok(Seen(
                [self.count.to_string()].into_iter().chain(all).collect(),
            ))
        }
    }

    paused(async {
        let mut app = App::new().with(Sees::default());
        let counts = app.register(Counts {
            loads: Arc::default(),
        });
        let running = app.boot().await.unwrap();
        assert_eq!(running.try_get::<State<Seen>>().unwrap().0, ["1", "1"]);
        running.restart(&counts).await.unwrap();
        assert_eq!(running.try_get::<State<Seen>>().unwrap().0, ["2", "2"]);
        running.close().await.unwrap();
    });
}
