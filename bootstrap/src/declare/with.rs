//! Plugins whose options are computed from states, when their turn comes.

use std::{fmt, iter};

use anyhow::{Context as _, Result, anyhow, bail};
use async_trait::async_trait;

use crate::declare::asks::Asks;
use crate::declare::context::{CloseContext, DrainContext, LoadContext, ReadyContext, RunContext};
use crate::declare::declaration::Identity;
use crate::declare::descriptor::Descriptor;
use crate::declare::field::{Bind, Bound, Fields, ProviderOf, Wish, sealed};
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
    /// What the fields of the plugin may hold, the first choice of each: there before the plugin is.
    fields: Vec<Held>,
    /// The other choices, where several handles may go into one field.
    more: Vec<Held>,
    /// The plugin, or why it can't be made.
    made: Option<Result<P>>,
}

/// One choice for a field of a plugin that has not been made.
struct Held {
    /// Which of the fields.
    field: usize,
    name: &'static str,
    wish: Wish,
    value: Option<Bound>,
}

impl Held {
    fn provider(&self) -> Option<u32> {
        self.value.as_ref()?.provider
    }
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
        let (mut fields, mut more) = (Vec::new(), Vec::new());
        for (field, requirement) in P::DECLARATION.requires.iter().enumerate() {
            let choice = |aim, held| Held {
                field,
                name: requirement.field,
                wish: Wish {
                    state: requirement.need.state,
                    asks: requirement.need.asks,
                    aim,
                    held,
                },
                value: None,
            };
            let mut choices = Vec::new();
            // The closure decides into which field a handle goes: each that fits is a choice.
            if requirement.need.asks != Asks::All {
                ingredients.wishes(&mut |known| {
                    if known.state == requirement.need.state {
                        choices.push(choice(known.aim, known.held));
                    }
                });
            }
            if choices.is_empty() {
                choices.push(choice(None, None));
            }
            let mut choices = choices.into_iter();
            fields.extend(choices.next());
            more.extend(choices);
        }
        Self {
            fields,
            more,
            ingredients,
            make,
            made: None,
        }
    }

    /// What a field gets into which the closure has put a handle, or nothing.
    fn choose(
        &self,
        field: usize,
        put: &Wish,
        provider_of: ProviderOf<'_>,
    ) -> Result<Option<&Bound>> {
        let Some(first) = self.fields.get(field) else {
            return Ok(None);
        };
        let more = self.more.iter().filter(|it| it.field == field);
        let mut choices = iter::once(first).chain(more);
        let state = put.state.described();
        let name = first.name;
        let is_empty = put.aim.is_none() && put.held.is_none();
        let chosen = if !is_empty {
            let provider = provider_of(put);
            let chosen = choices.find(|it| provider.is_some() && it.provider() == provider);
            Some(chosen.with_context(|| not_given(name, &state, put))?)
        } else if choices.all(|it| it.provider() == first.provider()) {
            Some(first)
        } else if put.asks == Asks::Optional {
            None
        } else {
            bail!(
                "it is made from several handles to the {state}, and its field `{name}` holds none of \
                 them: put one of them into it"
            )
        };
        Ok(chosen.and_then(|it| it.value.as_ref()))
    }
}

fn not_given(field: &str, state: &str, put: &Wish) -> String {
    let provider = put.aim.as_ref().map(|it| format!(" of `{}`", it.plugin));
    let provider = provider.unwrap_or_default();
    format!(
        "its field `{field}` holds the {state}{provider}, which it is not made from: add that handle \
         to those that `register_with` is given"
    )
}

impl<P, I, F> With<P, I, F>
where
    P: Hooks + Send + Sync,
    I: Ingredients,
    F: Fn(I) -> P,
{
    /// Makes the plugin, and binds its fields. Runs the user's code.
    fn make(&self, provider_of: ProviderOf<'_>) -> Result<P> {
        let mut plugin = (self.make)(self.ingredients.clone());
        let mut result = Ok(());
        let mut place = 0;
        let mut bind = |_: &'static str, field: &mut dyn Bind| {
            let chosen = self.choose(place, &field.wish(), provider_of);
            place += 1;
            match chosen {
                Ok(value) => field.bind(value),
                Err(error) if result.is_ok() => result = Err(error),
                Err(_) => {}
            }
        };
        plugin.fields(&mut Fields::to_bind(&mut bind, provider_of));
        result.map(|()| plugin)
    }

    fn made(&self) -> Result<&P> {
        let made = self.made.as_ref().and_then(|it| it.as_ref().ok());
        made.context("it was not made")
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
        // The first choices come first: messages know a field of a declaration by its place.
        for held in self.fields.iter_mut().chain(&mut self.more) {
            fields.show(held.name, held);
        }
        self.ingredients.show(fields);
        if let Some(provider_of) = fields.provider_of()
            && self.ingredients.are_bound()
        {
            self.made = Some(self.make(provider_of));
        }
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        if let Some(Ok(made)) = &mut self.made {
            return Plugin::load(made, cx).await;
        }
        let failed = self.made.take().and_then(Result::err);
        Err(failed.unwrap_or_else(|| anyhow!("it was not made")))
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
            Some(Ok(made)) => Plugin::configure(made, outside, prefix),
            _ => Ok(()),
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
