//! Plugins whose options are computed from states, when their turn comes.

use std::marker::PhantomData;
use std::sync::Arc;
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

/// Makes a plugin when its turn comes, from handles to what others provide: for options that are
/// computed.
///
/// The handles are the edges: they come from [`Registration::handle`](crate::Registration::handle),
/// alone or as a tuple of up to six. Each field of the plugin gets the handle that `make` puts into
/// it. A field that `make` leaves unbound gets the handle of its type; if there are several, `load`
/// fails, or the field is `None` if it is optional. Fields of other types are resolved by their
/// types, as always. A handle that `make` was not given, such as a captured one, makes `load` fail
/// unless it refers to what the field is bound to anyway. A restart of the plugin makes it again.
///
/// # Examples
///
/// ```
/// use bootstrap::plugin_with;
/// use bootstrap::prelude::*;
///
/// pub struct Config {
///     workers: usize,
/// }
///
/// #[plugin(states = [Config])]
/// struct ConfigPlugin;
///
/// impl Hooks for ConfigPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
///         Ok(Config { workers: 4 })
///     }
/// }
///
/// #[plugin]
/// struct Workers {
///     #[option(default = 1)]
///     count: usize,
/// }
///
/// impl Hooks for Workers {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!(self.count, 4);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// let config = app.register(ConfigPlugin);
/// app.register(plugin_with(config.handle(), |config: State<Config>| {
///     Workers::default().count(config.workers)
/// }));
/// app.boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
pub fn plugin_with<P, H, F>(handles: H, make: F) -> PluginWith<P, H, F>
where
    P: Hooks + Send + Sync,
    H: Handles,
    F: Fn(H) -> P + Send + Sync + 'static,
{
    PluginWith {
        handles,
        make,
        plugin: PhantomData,
    }
}

/// A plugin that is made when its turn comes; see [`plugin_with`].
pub struct PluginWith<P, H, F> {
    handles: H,
    make: F,
    plugin: PhantomData<fn() -> P>,
}

impl<P, H, F> fmt::Debug for PluginWith<P, H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginWith").finish_non_exhaustive()
    }
}

/// Handles from which a plugin is made: a [`State`], a [`Port`], or a tuple of up to six.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a plugin can't be made from `{Self}`",
    label = "not a handle, and not a tuple of handles",
    note = "help: take `State` and `Port` handles from registrations, with `handle()`"
)]
pub trait Handles: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn show(&mut self, fields: &mut Fields<'_>);

    #[doc(hidden)]
    fn are_bound(&self) -> bool;

    #[doc(hidden)]
    fn wishes(&self, see: &mut dyn FnMut(Wish));
}

macro_rules! handle {
    ($handle:ident, $($bounds:tt)*) => {
        impl<T: $($bounds)*> Handles for $handle<T> {
            fn show(&mut self, fields: &mut Fields<'_>) {
                fields.field("made from", self);
            }

            fn are_bound(&self) -> bool {
                $handle::get(self).is_some()
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
        impl<$($name: Handles),+> Handles for ($($name,)+) {
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
    handles: I,
    make: F,
    /// What the fields of the plugin may hold, the first choice of each: there before the plugin is.
    fields: Vec<Held>,
    /// The other choices, where several handles may go into one field.
    more: Vec<Held>,
    /// The plugin, or why it can't be made.
    made: Option<Result<Arc<P>>>,
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

impl<P: Hooks, I: Handles, F> With<P, I, F> {
    pub(crate) fn new(PluginWith { handles, make, .. }: PluginWith<P, I, F>) -> Self {
        let (mut fields, mut more) = (Vec::new(), Vec::new());
        for (field, requirement) in P::DECLARATION.requirements().iter().enumerate() {
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
                handles.wishes(&mut |known| {
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
            handles,
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
         to those that `plugin_with` is given"
    )
}

impl<P, I, F> With<P, I, F>
where
    P: Hooks + Send + Sync,
    I: Handles,
    F: Fn(I) -> P,
{
    /// Makes the plugin, and binds its fields. Runs the user's code.
    fn make(&self, provider_of: ProviderOf<'_>) -> Result<P> {
        let mut plugin = (self.make)(self.handles.clone());
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
        made.map(|made| &**made).context("it was not made")
    }
}

#[async_trait]
impl<P, I, F> Plugin for With<P, I, F>
where
    P: Hooks + Send + Sync,
    I: Handles,
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
        self.handles.show(fields);
        if let Some(provider_of) = fields.provider_of()
            && self.handles.are_bound()
        {
            self.made = Some(self.make(provider_of).map(Arc::new));
        }
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        if let Some(Ok(made)) = &mut self.made
            && let Some(made) = Arc::get_mut(made)
        {
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

    fn own_ports(self: Arc<Self>, states: States) -> States {
        match &self.made {
            Some(Ok(made)) => Arc::clone(made).own_ports(states),
            _ => states,
        }
    }

    fn configure(&mut self, outside: &Outside, prefix: Option<&str>) -> Result<()> {
        match &mut self.made {
            Some(Ok(made)) => match Arc::get_mut(made) {
                Some(made) => Plugin::configure(made, outside, prefix),
                None => Ok(()),
            },
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
