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
    /// The `load` of this node, which another one brought with it.
    Child(usize, u32),
    /// A task of this node.
    Task(usize, u32),
}

thread_local! {
    static INSIDE: Cell<Option<Inside>> = const { Cell::new(None) };
}

/// Inside of what the caller runs, if it belongs to the app with this mark.
pub(crate) fn inside_of(app: usize) -> Option<Inside> {
    let is_of = |inside: &Inside| match inside {
        Inside::Hook(of) | Inside::Child(of, _) | Inside::Task(of, _) => *of == app,
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
