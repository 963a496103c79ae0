//! Declared children in a plan: who brings them, and which cycles lead through them.

use bootstrap::error::Mistake;
use bootstrap::plan::StateKey;
use bootstrap::prelude::*;
use bootstrap::{App, Unused};
use support::paused;

#[bootstrap::supplied]
pub struct Settings;

pub struct Inner;
pub struct Side;

/// `front` brings `middle`, which brings `inner`; the crate of `middle` knows nothing of `front`.
#[plugin(collect = never, children = [Middle])]
struct Front;

impl Hooks for Front {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        cx.register(Middle::default());
        Ok(())
    }
}

#[plugin(collect = never, children = [InnerPlugin, SidePlugin])]
struct Middle {
    settings: Option<State<Settings>>,
}

impl Hooks for Middle {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        cx.register(InnerPlugin::default());
        cx.register(SidePlugin);
        Ok(())
    }
}

#[plugin(name = "inner", states = [Inner], child_of = Middle)]
struct InnerPlugin {
    _side: State<Side>,
}

impl Hooks for InnerPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Inner> {
        Ok(Inner)
    }
}

#[plugin(name = "side", states = [Side], collect = never)]
struct SidePlugin;

impl Hooks for SidePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Side> {
        Ok(Side)
    }
}

#[plugin(name = "user", collect = never)]
struct User {
    _inner: State<Inner>,
    _side: State<Side>,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// Who needs a sibling waits for that, and not for the parent of both.
#[test]
fn children_of_children_are_found_below_the_member_that_brings_them() {
    paused(async {
        let app = App::new().with(User::default()).with(Front);
        let plan = app.plan().unwrap();
        let front = plan.order().next().unwrap();
        let children: Vec<[String; 2]> = front
            .children()
            .map(|it| [it.name().to_string(), it.parent().to_string()])
            .collect();
        assert_eq!(
            children,
            [
                ["front/middle", "front"],
                ["front/middle/inner", "front/middle"],
                ["front/middle/side", "front/middle"]
            ]
        );
        let edges: Vec<_> = plan.edges().collect();
        assert_eq!(edges.len(), 1);
        assert!(
            edges[0]
                .states()
                .eq([StateKey::of::<Inner>(), StateKey::of::<Side>()])
        );
        app.boot().await.unwrap().close().await.unwrap();
    });
}

#[test]
fn drawings_show_declared_children_beside_their_parents() {
    let plan = App::new().with(User::default()).with(Front).plan().unwrap();
    assert_eq!(
        plan.to_mermaid(),
        "flowchart LR
    p0[\"front\"]
    p1[\"user\"]
    c0(\"front/middle\")
    c1(\"front/middle/inner\")
    c2(\"front/middle/side\")
    p0 -->|\"Inner, Side\"| p1
    p0 ---|brings| c0
    c0 ---|brings| c1
    c0 ---|brings| c2"
    );
    let dot = plan.to_dot();
    assert!(
        dot.contains("\n    c1 [label=\"front/middle/inner\", style=rounded];"),
        "{dot}"
    );
    assert!(
        dot.contains("\n    c0 -> c1 [arrowhead=none, label=brings];"),
        "{dot}"
    );
}

pub struct Address;
pub struct Listing;

/// Its child needs what depends on it: the compiler can't know, because nobody says so at the
/// types: `Gate` asks for `Address` when it is registered.
#[plugin(name = "gate", states = [Address], collect = never, children = [Lister])]
struct Gate;

impl Hooks for Gate {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Address> {
        panic!("nothing loads")
    }
}

#[plugin(name = "lister", collect = never)]
struct Lister {
    _listing: State<Listing>,
}

impl Hooks for Lister {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        panic!("nothing loads")
    }
}

#[plugin(name = "index", states = [Listing], collect = never)]
struct Index;

impl Hooks for Index {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Listing> {
        panic!("nothing loads")
    }
}

/// S37: before any hook has run.
#[test]
fn a_declared_child_that_needs_what_waits_for_its_parent_is_a_cycle() {
    let mut app = App::new();
    let gate = app.register(Gate);
    app.register(Index).after(&gate);
    let errors = app.plan().unwrap_err();
    let [Mistake::Cycle { steps, cut, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let walk: Vec<_> = steps.iter().map(|step| &step.plugin).collect();
    let reasons: Vec<_> = steps.iter().map(|step| &step.reason).collect();
    let names: Vec<String> = walk.iter().map(|it| it.plugin.to_string()).collect();
    assert_eq!(names, ["gate", "gate/lister", "index"]);
    assert!(
        reasons[0].starts_with("`gate/lister` is its child (tests/it/nested/planned.rs:"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("field `_listing: State<Listing>` (tests/it/nested/planned.rs:"),
        "{reasons:?}"
    );
    assert!(reasons[2].starts_with("only an order"), "{reasons:?}");
    assert_eq!(
        cut.as_deref().unwrap(),
        "`index` needs nothing of `gate`: take the `after` away"
    );
}

/// Two parents, each with a child that needs the other parent: no link leads through both.
#[test]
fn parents_that_wait_for_each_other_through_their_children_are_a_cycle() {
    struct LeftState;
    struct RightState;

    #[plugin(name = "left", states = [LeftState], collect = never)]
    struct Left;
    #[plugin(name = "right", states = [RightState], collect = never)]
    struct Right;
    #[plugin(name = "of-left", child_of = Left)]
    struct OfLeft {
        _right: State<RightState>,
    }
    #[plugin(name = "of-right", child_of = Right)]
    struct OfRight {
        _left: State<LeftState>,
    }

    impl Hooks for Left {
        async fn load(&mut self, _: &mut LoadContext) -> Result<LeftState> {
            panic!("nothing loads")
        }
    }
    impl Hooks for Right {
        async fn load(&mut self, _: &mut LoadContext) -> Result<RightState> {
            panic!("nothing loads")
        }
    }
    impl Hooks for OfLeft {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            panic!("nothing loads")
        }
    }
    impl Hooks for OfRight {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            panic!("nothing loads")
        }
    }

    let errors = App::new().with(Left).with(Right).plan().unwrap_err();
    let [Mistake::Cycle { steps, .. }] = errors.errors() else {
        panic!("{errors:?}");
    };
    let walk: Vec<_> = steps.iter().map(|step| &step.plugin).collect();
    let names: Vec<String> = walk.iter().map(|it| it.plugin.to_string()).collect();
    assert_eq!(names, ["left", "left/of-left", "right", "right/of-right"]);
}

#[test]
fn what_a_declared_child_needs_is_used_and_so_is_who_brings_it() {
    #[plugin(name = "maker", states = [Fact], collect = never)]
    struct Maker;
    #[plugin(name = "bringer", states = [Unread], collect = never)]
    struct Bringer;
    #[plugin(name = "worker", child_of = Bringer)]
    struct Worker {
        _fact: State<Fact>,
    }
    struct Fact;
    struct Unread;

    impl Hooks for Maker {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Fact> {
            Ok(Fact)
        }
    }
    impl Hooks for Bringer {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Unread> {
            Ok(Unread)
        }
    }
    impl Hooks for Worker {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    // Its child works of its own accord.
    let app = || App::new().with(Maker).with(Bringer);
    let plan = app().unused(Unused::Skip).plan().unwrap();
    assert_eq!(plan.len(), 2);
    assert_eq!(
        plan.order().map(|it| it.children().count()).sum::<usize>(),
        1
    );
    app().unused(Unused::Deny).plan().unwrap();
    let plan = App::new().with(Maker).unused(Unused::Skip).plan().unwrap();
    assert_eq!(plan.len(), 0);
}

pub struct Dust;
pub struct OldToy;

#[plugin(name = "attic", states = [Dust], collect = never, children = [BoxPlugin])]
struct Attic;

impl Hooks for Attic {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Dust> {
        Ok(Dust)
    }
}

#[plugin(name = "box", states = [OldToy], collect = never)]
struct BoxPlugin;

impl Hooks for BoxPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<OldToy> {
        Ok(OldToy)
    }
}

/// S8: with those that it would bring, which do nothing but provide states either.
#[test]
fn a_parent_that_nobody_needs_is_skipped_and_others_keep_their_children() {
    let app = App::new().with(Attic).with(User::default()).with(Front);
    let plan = app.unused(Unused::Skip).plan().unwrap();
    assert_eq!(
        plan.to_string(),
        "2 plugins\nlevel 0\n  front; brings front/middle, front/middle/inner, front/middle/side\
         \nlevel 1\n  user <- front\nskipped, because no plugin needs them\n  attic"
    );
}
