//! Plugins whose options are computed from states, when their turn comes.

use std::fmt;

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use crate::declare::context::{CloseContext, DrainContext, LoadContext, ReadyContext, RunContext};
use crate::declare::declaration::Identity;
use crate::declare::descriptor::Descriptor;
use crate::declare::field::{Bind, Bound, Fields, Wish, sealed};
use crate::declare::hooks::Hooks;
use crate::declare::outside::Outside;
use crate::declare::plugin::Plugin;
use crate::declare::port::Port;
use crate::declare::state::State;
use crate::declare::states::States;

/// Handles from which a plugin is made: a [`State`], a [`Port`], or a tuple of up to six.
///
/// See [`App::register_with`](crate::App::register_with).
pub trait Ingredients: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn show(&mut self, fields: &mut Fields<'_>);

    #[doc(hidden)]
    fn are_bound(&self) -> bool;

    #[doc(hidden)]
    fn wishes(&self, see: &mut dyn FnMut(Wish));
}

macro_rules! handle {
    ($handle:ident, $($bounds:tt)*) => {
        impl<T: $($bounds)*> Ingredients for $handle<T> {
            fn show(&mut self, fields: &mut Fields<'_>) {
                fields.field("made from", self);
            }

            fn are_bound(&self) -> bool {
                self.try_get().is_some()
            }

            fn wishes(&self, see: &mut dyn FnMut(Wish)) {
                see(self.wish());
            }
        }
    };
}

handle!(State, Send + Sync + 'static);
handle!(Port, ?Sized + Send + Sync + 'static);

macro_rules! tuples {
    ($($name:ident $place:tt),+) => {
        impl<$($name: Ingredients),+> Ingredients for ($($name,)+) {
            fn show(&mut self, fields: &mut Fields<'_>) {
                $(self.$place.show(fields);)+
            }

            fn are_bound(&self) -> bool {
                true $(&& self.$place.are_bound())+
            }

            fn wishes(&self, see: &mut dyn FnMut(Wish)) {
                $(self.$place.wishes(see);)+
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);

/// A plugin that is made when its turn comes.
pub(crate) struct With<P, I, F> {
    ingredients: I,
    make: F,
    /// What the fields of the plugin will hold: there before the plugin is.
    fields: Vec<Held>,
    made: Option<P>,
}

/// A field of a plugin that has not been made.
struct Held {
    name: &'static str,
    wish: Wish,
    value: Option<Bound>,
}

impl sealed::Sealed for Held {}

impl Bind for Held {
    fn wish(&self) -> Wish {
        self.wish.clone()
    }

    fn bind(&mut self, value: Option<&Bound>) {
        self.value = value.cloned();
    }
}

impl<P: Hooks, I: Ingredients, F> With<P, I, F> {
    pub(crate) fn new(ingredients: I, make: F) -> Self {
        let fields = P::DECLARATION.requires.iter().map(|requirement| {
            let mut wish = Wish {
                state: requirement.need.state,
                asks: requirement.need.asks,
                aim: None,
                held: None,
            };
            // A state that the plugin is made from is the one that its field means.
            ingredients.wishes(&mut |known| {
                if known.state == wish.state {
                    (wish.aim, wish.held) = (known.aim, known.held);
                }
            });
            Held {
                name: requirement.field,
                wish,
                value: None,
            }
        });
        Self {
            fields: fields.collect(),
            ingredients,
            make,
            made: None,
        }
    }
}

impl<P, I, F> With<P, I, F>
where
    P: Hooks + Send + Sync,
    I: Ingredients,
    F: Fn(I) -> P,
{
    /// Makes the plugin, and binds its fields. Runs the user's code.
    fn make(&mut self) {
        let mut plugin = (self.make)(self.ingredients.clone());
        let mut values = self.fields.iter();
        let mut bind = |_: &'static str, field: &mut dyn Bind| {
            field.bind(values.next().and_then(|held| held.value.as_ref()));
        };
        plugin.fields(&mut Fields::to_bind(&mut bind));
        self.made = Some(plugin);
    }

    fn made(&self) -> Result<&P> {
        self.made.as_ref().context("it was not made")
    }
}

#[async_trait]
impl<P, I, F> Plugin for With<P, I, F>
where
    P: Hooks + Send + Sync,
    I: Ingredients,
    F: Fn(I) -> P + Send + Sync + 'static,
{
    fn descriptor(&self) -> Descriptor {
        Descriptor::declared(P::DECLARATION)
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        for held in &mut self.fields {
            fields.show(held.name, held);
        }
        self.ingredients.show(fields);
        if fields.binds() && self.ingredients.are_bound() {
            self.make();
        }
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        let made = self.made.as_mut().context("it was not made")?;
        Plugin::load(made, cx).await
    }

    async fn ready(&self, cx: &ReadyContext) -> Result<()> {
        Plugin::ready(self.made()?, cx).await
    }

    async fn run(&self, cx: &RunContext) -> Result<()> {
        Plugin::run(self.made()?, cx).await
    }

    async fn drain(&self, cx: &DrainContext) -> Result<()> {
        Plugin::drain(self.made()?, cx).await
    }

    async fn close(&self, cx: &CloseContext) -> Result<()> {
        Plugin::close(self.made()?, cx).await
    }

    fn configure(&mut self, outside: &Outside, prefix: Option<&str>) -> Result<()> {
        match &mut self.made {
            Some(made) => Plugin::configure(made, outside, prefix),
            None => Ok(()),
        }
    }

    fn reset(&mut self) {
        self.made = None;
    }

    fn identity(&self) -> Identity {
        Identity::of::<P>()
    }
}

impl<P, I, F> fmt::Debug for With<P, I, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With").finish_non_exhaustive()
    }
}
