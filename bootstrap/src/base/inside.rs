//! Whose code runs on this thread: somebody who would wait for itself can be told so.
//!
//! Drivers, hooks of the app and tasks say it whenever they poll. What the user spawns elsewhere is
//! nobody's: it may wait for whatever it likes.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;

/// A part of an app that somebody may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// A hook, of the app with this mark.
    Hook(usize),
    /// A task of this node.
    Task(usize, u32),
}

thread_local! {
    static INSIDE: Cell<Option<Inside>> = const { Cell::new(None) };
    /// The node that loads here, of those that others brought with them.
    static CHILD: Cell<Option<(usize, u32)>> = const { Cell::new(None) };
}

/// The node of the app with this mark that loads here, if others brought it with them.
pub(crate) fn child_of(app: usize) -> Option<u32> {
    CHILD
        .get()
        .filter(|(of, _)| *of == app)
        .map(|(_, node)| node)
}

/// A future that is the load of such a node whenever it is polled.
pub(crate) async fn as_child<F: Future>(app: usize, node: u32, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let _before = Restore(CHILD.replace(Some((app, node))));
        future.as_mut().poll(cx)
    })
    .await
}

/// Restores what was before, also if the poll panics.
struct Restore(Option<(usize, u32)>);

impl Drop for Restore {
    fn drop(&mut self) {
        CHILD.set(self.0);
    }
}

/// Inside of what the caller runs, if it belongs to the app with this mark.
pub(crate) fn inside_of(app: usize) -> Option<Inside> {
    let is_of = |inside: &Inside| match inside {
        Inside::Hook(of) | Inside::Task(of, _) => *of == app,
    };
    INSIDE.get().filter(is_of)
}

/// Says that what runs from here on is inside of something, until that is dropped.
pub(crate) fn enter(inside: Inside) -> Entered {
    Entered(INSIDE.replace(Some(inside)))
}

/// Restores what was before.
#[must_use]
pub(crate) struct Entered(Option<Inside>);

impl Drop for Entered {
    fn drop(&mut self) {
        INSIDE.set(self.0);
    }
}

/// A future that is inside of something whenever it is polled.
pub(crate) async fn within<F: Future>(inside: Inside, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let _inside = enter(inside);
        future.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_of_something_is_known_until_it_is_left() {
        assert_eq!(inside_of(1), None);
        let outer = enter(Inside::Hook(1));
        let inner = enter(Inside::Task(2, 7));
        assert_eq!(inside_of(1), None);
        assert_eq!(inside_of(2), Some(Inside::Task(2, 7)));
        drop(inner);
        assert_eq!(inside_of(1), Some(Inside::Hook(1)));
        drop(outer);
        assert_eq!(inside_of(1), None);
    }
}
