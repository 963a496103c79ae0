//! Children that are declared, also across crates.

use bootstrap::App;
use bootstrap::prelude::*;
use bootstrap_tests_provider::{Hub, Pages, PagesPlugin};
use support::paused;

use crate::{all_but, names};

struct Paint;

/// Only a child needs it.
#[plugin(name = "paint", states = [Paint])]
struct PaintPlugin;

impl Hooks for PaintPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Paint> {
        Ok(Paint)
    }
}

/// Brings a child of another crate, and one that names it.
#[plugin(name = "site", children = [PagesPlugin])]
struct Site;

impl Hooks for Site {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        cx.register(PagesPlugin::default());
        cx.register(FramePlugin::default());
        Ok(())
    }
}

struct Frame;

#[plugin(name = "frame", states = [Frame], child_of = Site)]
struct FramePlugin {
    _paint: State<Paint>,
}

impl Hooks for FramePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Frame> {
        Ok(Frame)
    }
}

#[plugin(name = "reader", collect = never)]
struct Reader {
    pages: State<Pages>,
}

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert!(self.pages.0.starts_with("pages"));
        Ok(())
    }
}

#[plugin(name = "painter", collect = never)]
struct Painter {
    _frame: State<Frame>,
}

impl Hooks for Painter {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(name = "fake-site", replaces = Site)]
struct FakeSite;

impl Hooks for FakeSite {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

struct Spokes;

/// Its parent is in another crate, which knows nothing of it.
#[plugin(name = "spokes", states = [Spokes], child_of = Hub)]
struct SpokesPlugin {
    _paint: State<Paint>,
}

impl Hooks for SpokesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Spokes> {
        Ok(Spokes)
    }
}

#[plugin(name = "wheel", collect = never)]
struct Wheel {
    _spokes: State<Spokes>,
}

impl Hooks for Wheel {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn what_declared_children_need_is_there_and_they_are_no_members() {
    paused(async {
        let plan = App::only(Site).plan().unwrap();
        assert_eq!(names(&plan), ["ink", "paint", "site"]);
        let app = App::collect()
            .with(Reader::default())
            .with(Painter::default());
        assert_eq!(
            names(&app.plan().unwrap()),
            all_but(&[], &["painter", "reader"])
        );
        let running = app.boot().await.unwrap();
        let report = running.close().await.unwrap();
        assert!(report.plugin("site/pages").is_some());
        assert!(report.plugin("site/frame").is_some());
    });
}

#[test]
fn who_needs_the_state_of_a_child_pulls_its_parent() {
    paused(async {
        let all = ["ink", "paint", "reader", "site"];
        assert_eq!(names(&App::only(Reader::default()).plan().unwrap()), all);
        let all = ["ink", "paint", "painter", "site"];
        assert_eq!(names(&App::only(Painter::default()).plan().unwrap()), all);
        let app = App::only(Painter::default());
        app.boot().await.unwrap().close().await.unwrap();

        let app = App::only(Reader::default()).supply(Pages("pages".into()));
        assert_eq!(names(&app.plan().unwrap()), ["reader", "supplied Pages"]);
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// S73: what only the children of a replaced plugin needed stays away.
#[test]
fn a_stand_in_for_a_parent_replaces_what_only_its_children_needed() {
    let plan = App::collect().with(FakeSite).plan().unwrap();
    assert_eq!(
        names(&plan),
        all_but(&["ink", "paint", "site"], &["fake-site"])
    );
}

#[test]
fn a_child_may_name_a_parent_of_another_crate() {
    paused(async {
        let register: fn(&LoadContext) = |cx| {
            cx.register(SpokesPlugin::default());
        };
        let app = App::only(Wheel::default()).with(Hub { register });
        let plan = app.plan().unwrap();
        assert_eq!(names(&plan), ["hub", "paint", "wheel"]);
        let wheel = plan.order().find(|it| *it.name() == "wheel").unwrap();
        let needs: Vec<_> = wheel.requires().map(|it| it.name().to_string()).collect();
        assert_eq!(needs, ["hub"]);
        app.boot().await.unwrap().close().await.unwrap();

        let errors = App::only(Wheel::default()).plan().unwrap_err();
        let text = errors.render();
        assert!(
            text.contains("registers while it loads: add `.with(Hub { .. })` to the app"),
            "{text}"
        );
    });
}
