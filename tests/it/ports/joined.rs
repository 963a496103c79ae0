//! Ports of plugins that others register while they load.

use std::sync::Arc;

use bootstrap::error::HookError;
use bootstrap::prelude::*;
use support::paused;

use super::*;

/// A child that says who brings it.
#[plugin(name = "child-mail", ports = [dyn Mailer], child_of = Post)]
struct ChildMail {
    #[option(default = "child")]
    by: &'static str,
}

impl Hooks for ChildMail {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Sends(self.by.into())))
    }
}

#[plugin(name = "post", collect = never)]
struct Post {
    #[option(default = 1)]
    children: usize,
}

impl Hooks for Post {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        for by in ["first", "second"].iter().take(self.children) {
            cx.register(ChildMail { by });
        }
        Ok(())
    }
}

#[test]
fn who_needs_a_port_waits_for_the_parent_of_who_provides_it() {
    paused(async {
        let app = App::new().with(One::default()).with(Post::default());
        assert_eq!(app.plan().unwrap().edges().count(), 1);
        assert_eq!(meant(app).await, ["first"]);
    });
}

#[test]
fn everybody_includes_what_declared_parents_bring() {
    paused(async {
        let app = App::new().with(All::default()).with(Mail::by("own"));
        let app = app.with(Post { children: 2 });
        let expected = pairs(&[
            ("mail", "own"),
            ("post/child-mail", "first"),
            ("post/child-mail#2", "second"),
        ]);
        assert_eq!(everybody(app).await, expected);
    });
}

/// Whom everybody means, wherever it is looked up.
async fn everywhere(app: App) -> [String; 3] {
    #[plugin(name = "looks-up", states = [Looked], collect = never)]
    struct LooksUp {
        mailer: Port<dyn Mailer>,
    }

    struct Looked(std::sync::OnceLock<String>);

    impl Hooks for LooksUp {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Looked> {
            Ok(Looked(std::sync::OnceLock::new()))
        }

        async fn ready(&self, cx: &ReadyContext<Self>) -> Result<()> {
            let current = bootstrap::Current::try_current()?
                .try_get::<Port<dyn Mailer>>()?
                .name();
            let context = cx.try_get::<Port<dyn Mailer>>()?.name();
            assert_eq!(current, context);
            let _ = cx.states().0.set(self.mailer.name());
            assert_eq!(self.mailer.name(), current);
            Ok(())
        }
    }

    let app = app.with(LooksUp::default());
    let running = app.boot().await.unwrap();
    let field = running
        .try_get::<State<Looked>>()
        .unwrap()
        .0
        .get()
        .unwrap()
        .clone();
    let outside = running.try_get::<Port<dyn Mailer>>().unwrap().name();
    let current = running
        .current()
        .try_get::<Port<dyn Mailer>>()
        .unwrap()
        .name();
    running.close().await.unwrap();
    [field, outside, current]
}

#[test]
fn who_provides_a_port_by_itself_is_meant_rather_than_who_is_brought() {
    paused(async {
        let app = App::new().with(Mail::by("itself")).with(Post::default());
        assert_eq!(everywhere(app).await, ["itself"; 3]);
    });
}

#[test]
fn a_declared_child_that_is_primary_is_meant_by_everybody() {
    #[plugin(name = "chief", ports = [dyn Mailer], primary, child_of = Head)]
    struct Chief;

    impl Hooks for Chief {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
            Ok(Arc::new(Sends("chief".into())))
        }
    }

    #[plugin(name = "head", collect = never)]
    struct Head;

    impl Hooks for Head {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            cx.register(Chief);
            Ok(())
        }
    }

    paused(async {
        let app = App::new().with(Mail::by("itself")).with(Head);
        assert_eq!(everywhere(app).await, ["chief"; 3]);
    });
}

#[test]
fn who_was_brought_and_not_declared_is_not_meant_if_somebody_else_is_there() {
    #[plugin(name = "brings", collect = never)]
    struct Brings;

    impl Hooks for Brings {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            cx.register(Mail::by("brought")).primary();
            Ok(())
        }
    }

    paused(async {
        let app = App::new().with(Mail::by("itself")).with(Brings);
        assert_eq!(everywhere(app).await, ["itself"; 3]);
        // Nobody else is: what was brought is better than nothing.
        let running = App::new().with(Brings).boot().await.unwrap();
        assert_eq!(
            running.try_get::<Port<dyn Mailer>>().unwrap().name(),
            "brought"
        );
        running.close().await.unwrap();
    });
}

/// Whichever of the two families loads first.
#[test]
fn a_child_waits_for_what_declared_parents_elsewhere_bring() {
    #[plugin(name = "office", collect = never)]
    struct Office {
        #[option(required)]
        waits: bool,
    }

    impl Hooks for Office {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            if self.waits {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            cx.register(Mail::by("sibling"));
            let all = cx.register(All::default()).await?;
            let expected = [("office/mail", "sibling"), ("post/child-mail", "first")];
            assert_eq!(all.0, pairs(&expected));
            Ok(())
        }
    }

    #[plugin(name = "undeclared", collect = never)]
    struct Undeclared;

    impl Hooks for Undeclared {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            cx.register(Mail::by("nobody expects it")).await?;
            Ok(())
        }
    }

    for waits in [false, true] {
        paused(async {
            let app = App::new().with(Office { waits }).with(Undeclared);
            let app = app.with(Post::default());
            app.boot().await.unwrap().close().await.unwrap();
        });
    }
}

#[test]
fn a_child_asks_for_ports_as_others_do() {
    #[plugin(name = "office", collect = never)]
    struct Office;

    impl Hooks for Office {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            let one = cx.register(One::default()).await?;
            assert_eq!(one.0, ["b"]);
            let all = cx.register(All::default()).await?;
            assert_eq!(all.0, pairs(&[("mail#1", "a"), ("mail#2", "b")]));
            let none = cx.register(Optional::default()).await?;
            assert_eq!(none.0.as_deref(), Some("b"));
            Ok(())
        }
    }

    paused(async {
        let mut app = App::new().with(Office).with(Mail::by("a"));
        app.register(Mail::by("b")).primary();
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn a_child_that_needs_a_port_which_nobody_provides_fails_with_the_way_out() {
    #[plugin(name = "office", collect = never)]
    struct Office;

    impl Hooks for Office {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            let error = cx.register(One::default()).await.err().unwrap();
            let error = error.downcast_ref::<HookError>().unwrap();
            assert_eq!(error.code(), "BOOT001");
            let text = error.render();
            assert!(
                text.contains("(field `mailer: Port<dyn Mailer>`)\n"),
                "{text}"
            );
            let help = "\n  help: register the plugin that provides it, or make the field an \
                        `Option<Port<dyn Mailer>>`";
            assert!(text.ends_with(help), "{text}");
            Ok(())
        }
    }

    paused(async {
        App::new()
            .with(Office)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    });
}

#[test]
fn a_child_that_can_do_without_does_so_where_a_port_is_in_another_scope() {
    #[plugin(name = "office", collect = never)]
    struct Office;

    impl Hooks for Office {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            let none = cx.register(Optional::default()).await?;
            assert_eq!(none.0, None);
            Ok(())
        }
    }

    paused(async {
        let mut app = App::new().with(Office);
        app.scope("elsewhere", |scope| scope.register(Mail::by("hidden")));
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn a_handle_of_a_child_goes_into_the_field_of_another() {
    #[plugin(name = "office", collect = never)]
    struct Office;

    impl Hooks for Office {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            cx.register(Mail::by("a"));
            let second = cx.register(Mail::by("b"));
            let mailer = second.handle();
            let one = cx.register(One { mailer }).await?;
            assert_eq!(one.0, ["b"]);
            let third = cx.register(Mail::by("c")).primary();
            drop(third);
            let one = cx.register(One::default()).await?;
            assert_eq!(one.0, ["c"]);
            Ok(())
        }
    }

    paused(async {
        App::new()
            .with(Office)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    });
}

#[test]
fn a_child_looks_up_later_what_its_own_parent_provides() {
    #[plugin(name = "parent", ports = [str], collect = never)]
    struct Parent;

    impl Hooks for Parent {
        async fn load(&mut self, cx: &mut LoadContext) -> Result<Arc<str>> {
            cx.register(Looks::default());
            Ok("parent".into())
        }
    }

    #[plugin(name = "looks", collect = never)]
    struct Looks {
        words: Lazy<Port<str>>,
    }

    impl Hooks for Looks {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            assert!(self.words.get().is_none());
            Ok(())
        }

        async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
            assert_eq!(&*self.words.try_get()?, "parent");
            Ok(())
        }
    }

    paused(async {
        App::new()
            .with(Parent)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    });
}

#[test]
fn who_goes_on_without_a_plugin_goes_on_without_its_port() {
    #[plugin(name = "fails", ports = [dyn Mailer], collect = never)]
    struct Fails;

    impl Hooks for Fails {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
            anyhow::bail!("no network")
        }
    }

    paused(async {
        let mut app = App::new().with(Fails).with(Mail::by("works"));
        app = app.recover(async |_| Ok(()));
        let app = app.with(All::default());
        let all = everybody(app).await;
        assert!(
            all.is_empty() || all == pairs(&[("mail", "works")]),
            "{all:?}"
        );
    });
}
