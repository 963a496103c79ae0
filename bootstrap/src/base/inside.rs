//! Which code runs on this thread: a wait for itself is rejected, and code far
//! away from any hook can ask what app it belongs to.
//!
//! Drivers, hooks of the app and tasks say it whenever they poll. What the user spawns elsewhere is
//! not attributed, unless the user says otherwise: it may wait for anything.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// A part of an app that can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// A hook, of the app with this mark.
    Hook(usize),
    /// The `load` of this node, which another one brought with it.
    Child(usize, u32),
    /// A task of this node.
    Task(usize, u32),
}

/// What is around code. Higher floors know the types of the parts.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) what: What,
    /// The node whose hook that is.
    pub(crate) node: Option<u32>,
}

/// A hook of an app, or a request scope, which knows the hook around it.
#[derive(Clone)]
pub(crate) enum What {
    Hook(Arc<dyn Any + Send + Sync>),
    Scope(Arc<dyn Scope>),
}

/// A request scope, for rooms that do not know its type.
pub(crate) trait Scope: Send + Sync {
    /// The app around it, and its hook.
    fn around(&self) -> &(dyn Any + Send + Sync);

    /// The same, shared.
    fn around_shared(&self) -> Arc<dyn Any + Send + Sync>;

    /// What every scope has.
    fn inner(&self) -> &(dyn Any + Send + Sync);

    /// What this one was opened with.
    fn content(&self) -> &(dyn Any + Send + Sync);
}

impl Place {
    /// The app, and its hook.
    pub(crate) fn around(&self) -> &(dyn Any + Send + Sync) {
        match &self.what {
            What::Hook(around) => &**around,
            What::Scope(scope) => scope.around(),
        }
    }

    pub(crate) fn around_shared(&self) -> Arc<dyn Any + Send + Sync> {
        match &self.what {
            What::Hook(around) => Arc::clone(around),
            What::Scope(scope) => scope.around_shared(),
        }
    }

    /// The request scope, if one was entered.
    pub(crate) fn scope(&self) -> Option<&Arc<dyn Scope>> {
        match &self.what {
            What::Hook(_) => None,
            What::Scope(scope) => Some(scope),
        }
    }
}

thread_local! {
    static INSIDE: Cell<Option<Inside>> = const { Cell::new(None) };
    /// Borrowed for moves and clones only.
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// Inside of what the caller runs, if it belongs to the app with this mark.
pub(crate) fn inside_of(app: usize) -> Option<Inside> {
    let is_of = |inside: &Inside| match inside {
        Inside::Hook(of) | Inside::Child(of, _) | Inside::Task(of, _) => *of == app,
    };
    INSIDE.get().filter(is_of)
}

/// Looks at what is around the caller, if anything is. `look` runs no code of the user.
#[inline]
pub(crate) fn look<T>(look: impl FnOnce(&Place) -> T) -> Option<T> {
    // A thread that ends has no place any more.
    let seen = PLACE.try_with(|place| place.borrow().as_ref().map(look));
    seen.ok().flatten()
}

/// Says whose node comes next, of those that a driver polls.
pub(crate) fn now_at(node: u32) {
    let _ = PLACE.try_with(|place| {
        if let Some(place) = &mut *place.borrow_mut() {
            place.node = Some(node);
        }
    });
}

#[inline]
fn exchange(place: &mut Option<Place>) {
    let _ = PLACE.try_with(|here| mem::swap(&mut *here.borrow_mut(), place));
}

/// Says that what runs from here on is inside of something, and where, until that is dropped.
pub(crate) fn enter(inside: Inside, place: Place) -> Entered {
    let mut place = Some(place);
    exchange(&mut place);
    Entered(INSIDE.replace(Some(inside)), place)
}

/// Restores what was before.
#[must_use]
pub(crate) struct Entered(Option<Inside>, Option<Place>);

impl Drop for Entered {
    fn drop(&mut self) {
        INSIDE.set(self.0);
        // What was here leaves with `self`: its drop may be the user's code.
        exchange(&mut self.1);
    }
}

/// A future that is inside of something whenever it is polled, and when it is dropped.
pub(crate) fn within<F: Future>(inside: Inside, place: Option<Place>, future: F) -> Within<F> {
    Within {
        inside: Some(inside),
        moves: place.is_some(),
        place,
        future: Some(future),
    }
}

/// A future that is at a place whenever it is polled, and when it is dropped; what it would hold up
/// by waiting does not change by that.
pub(crate) fn at_place<F>(place: Place, future: F) -> Within<F> {
    Within {
        inside: None,
        moves: true,
        place: Some(place),
        future: Some(future),
    }
}

/// Calls a function at a place.
pub(crate) fn call_at<T>(place: Place, call: impl FnOnce() -> T) -> T {
    let mut place = Some(place);
    let _moved = Moved::new(None, Some(&mut place));
    call()
}

pin_project! {
    /// A future that says where it is.
    pub(crate) struct Within<F> {
        inside: Option<Inside>,
        // Whether it has a place of its own.
        moves: bool,
        // That, while it is not polled; what was there before it, while it is.
        place: Option<Place>,
        // There until it is dropped.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Within<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let place = this.moves.then_some(this.place);
            let _moved = Moved::new(*this.inside, place);
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let place = this.moves.then_some(this.place);
        let _moved = Moved::new(*this.inside, place);
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            // It is only taken out by the drop.
            None => Poll::Pending,
        }
    }
}

/// Puts back what was there before.
struct Moved<'a> {
    /// What the thread was inside of.
    inside: Option<Inside>,
    place: Option<&'a mut Option<Place>>,
}

impl<'a> Moved<'a> {
    #[inline]
    fn new(inside: Option<Inside>, mut place: Option<&'a mut Option<Place>>) -> Self {
        if let Some(place) = &mut place {
            exchange(place);
        }
        let before = INSIDE.get();
        INSIDE.set(inside.or(before));
        let inside = before;
        Self { inside, place }
    }
}

impl Drop for Moved<'_> {
    #[inline]
    fn drop(&mut self) {
        INSIDE.set(self.inside);
        if let Some(place) = &mut self.place {
            exchange(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    fn place(name: &'static str) -> Place {
        Place {
            what: What::Hook(Arc::new(name)),
            node: None,
        }
    }

    /// What is around, and at which node.
    fn seen() -> Option<(&'static str, Option<u32>)> {
        look(|place| (*place.around().downcast_ref().unwrap(), place.node))
    }

    #[test]
    fn what_is_inside_of_something_is_known_until_it_is_left() {
        assert_eq!(inside_of(1), None);
        let outer = enter(Inside::Hook(1), place("one"));
        let inner = enter(Inside::Task(2, 7), place("two"));
        assert_eq!(inside_of(1), None);
        assert_eq!(inside_of(2), Some(Inside::Task(2, 7)));
        drop(inner);
        assert_eq!(inside_of(1), Some(Inside::Hook(1)));
        drop(outer);
        assert_eq!(inside_of(1), None);
    }

    #[test]
    fn a_place_is_known_until_it_is_left() {
        assert_eq!(seen(), None);
        let outer = enter(Inside::Hook(1), place("one"));
        now_at(7);
        assert_eq!(call_at(place("two"), seen), Some(("two", None)));
        assert_eq!(seen(), Some(("one", Some(7))));
        drop(outer);
        assert_eq!(seen(), None);
        now_at(7);
        assert_eq!(seen(), None);
    }

    /// Tells where it is dropped.
    struct Tells<'a>(&'a Cell<Option<(&'static str, Option<u32>)>>);

    impl Drop for Tells<'_> {
        fn drop(&mut self) {
            self.0.set(seen());
        }
    }

    #[test]
    fn a_future_is_at_its_place_when_it_is_polled_and_when_it_is_dropped() {
        let dropped_at = Cell::new(None);
        let tells = Tells(&dropped_at);
        let waits = async move {
            let _tells = tells;
            assert_eq!(seen(), Some(("two", None)));
            std::future::pending::<()>().await;
        };
        {
            let mut within = pin!(within(Inside::Hook(2), Some(place("two")), waits));
            let mut cx = Context::from_waker(Waker::noop());
            let _outer = enter(Inside::Hook(1), place("one"));
            assert!(within.as_mut().poll(&mut cx).is_pending());
            assert_eq!(seen(), Some(("one", None)));
            assert_eq!(inside_of(1), Some(Inside::Hook(1)));
        }
        assert_eq!(dropped_at.get(), Some(("two", None)));
        assert_eq!((seen(), inside_of(2)), (None, None));
    }

    #[test]
    fn a_guest_changes_the_place_and_not_whom_it_holds_up() {
        let outer = enter(Inside::Hook(1), place("one"));
        let mut guest = pin!(at_place(place("two"), async { (seen(), inside_of(1)) }));
        let mut cx = Context::from_waker(Waker::noop());
        let polled = guest.as_mut().poll(&mut cx);
        let expected = (Some(("two", None)), Some(Inside::Hook(1)));
        assert_eq!(polled, Poll::Ready(expected));
        drop(outer);
    }
}
