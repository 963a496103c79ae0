//! `plugins![..]`: a list of plugins that the compiler checks.
//!
//! What a `State<T>` in a field needs is known by its type, so a walk over the declarations in the
//! list, in the initializer of a static, finds the providers that are not in it: [`check_list`].
//!
//! Who provides a port is not known by its type, and types can't be compared in constants. So the
//! list becomes a chain of types that dereference to each other, and the compiler looks for a
//! method along that chain as it does for any receiver: it has the method where the plugin
//! [provides](ProvidesPort) the port that is asked for, and at the end, where it gives something
//! that [can't be](MustBeProvided) what it has to be. Two that provide a port are not looked for:
//! the first one that is found will do, and the plan says the rest. A chain that is too long for the
//! compiler is cut, and the method goes on behind the cut.
#![allow(
    clippy::unused_self,
    reason = "nothing of this ever runs: only the types of the receivers matter"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::declare::const_text::Text;
use crate::declare::declaration::{Declaration, Link, MOST_ANCESTORS, Need, Provider};
use crate::declare::inject::{Inject, NoPort, ProvidesPort};
use crate::declare::plugin::Plugin;

/// Plugins that the compiler has checked, as [`plugins!`](crate::plugins) makes them for
/// [`App::of`](crate::App::of).
pub struct PluginList(Vec<Box<dyn Plugin>>);

impl PluginList {
    #[doc(hidden)]
    pub fn of(plugins: Vec<Box<dyn Plugin>>) -> Self {
        Self(plugins)
    }

    pub(crate) fn into_plugins(self) -> Vec<Box<dyn Plugin>> {
        self.0
    }
}

impl fmt::Debug for PluginList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|plugin| plugin.descriptor().name());
        f.debug_list().entries(names).finish()
    }
}

/// Lists plugins for [`App::of`](crate::App::of), and has the compiler check the list: each state
/// that one of them requires has its provider in the list, and each port somebody who provides it.
///
/// An item is the type of a plugin, which is made by default, or a plugin with its options:
/// `Api`, `Pool<Postgres>`, `Api { port: 80 }`. It is a path, and no other expression. Each plugin stands
/// there once: register further instances with [`App::register`](crate::App::register). Types
/// around the list (`fn app<T>()`) can't be part of it.
///
/// What comes from elsewhere is named behind a semicolon, as the handles that fields have:
/// `besides: [State<Pool>, Port<dyn Mailer>]`: what is supplied in the place of a plugin, and ports
/// of plugins that others register while they load. A plugin one of whose states is named there
/// counts as not needed. States that [`supplied!`](crate::supplied) declares need not be named.
///
/// The compiler does not check that a port has only one provider, nor more than eight
/// requirements of one plugin, nor what only those behind the four-hundredth plugin provide:
/// [`App::plan`](crate::App::plan) does. Looking for ports takes time that grows with their place in
/// the list: a list of 300 plugins that each need one takes rustc about 3 s more if those that provide
/// them stand first, and about 12 s if they stand last.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bootstrap::prelude::*;
/// use bootstrap::plugins;
///
/// pub trait Mailer: Send + Sync {}
/// # struct Smtp;
/// # impl Mailer for Smtp {}
/// #[plugin(ports = [dyn Mailer])]
/// struct SmtpPlugin {
///     #[option(default = 25)]
///     port: u16,
/// }
/// # impl Hooks for SmtpPlugin {
/// #     async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> { Ok(Arc::new(Smtp)) }
/// # }
///
/// #[plugin]
/// struct Welcome {
///     mailer: Port<dyn Mailer>,
/// }
/// # impl Hooks for Welcome {}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::of(plugins![Welcome, SmtpPlugin { port: 587 }]);
/// app.boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// Without `SmtpPlugin`, that does not compile:
///
/// ```compile_fail,E0277
/// # use bootstrap::prelude::*;
/// # use bootstrap::plugins;
/// # pub trait Mailer: Send + Sync {}
/// # #[plugin]
/// # struct Welcome { mailer: Port<dyn Mailer> }
/// # impl Hooks for Welcome {}
/// let app = App::of(plugins![Welcome]);
/// ```
#[macro_export]
macro_rules! plugins {
    (
        $($plugin:path $({ $($option:tt)* })?),* $(,)?
        $(; besides: [$($besides:ty),* $(,)?] $(,)?)?
    ) => {{
        static A_PLUGIN_IS_MISSING_IN_THIS_LIST: () = $crate::__private::check_list(
            &[$(<$plugin as $crate::__private::Declare>::LINK),*],
            &[$($(<<$besides as $crate::__private::Inject>::Requires as $crate::__private::RequiredBy<$besides>>::REQUIRED.need),*)?],
        );
        #[allow(unreachable_code, unused, clippy::all, clippy::pedantic)]
        fn a_port_is_missing_in_this_list() {
            use $crate::__private::{
                At as __At, Cut as __Cut, End as __End, StandsOnceInTheList as __StandsOnce, Start as __Start,
            };
            struct __List;
            $crate::__plugins_in_order!(
                __List []
                $($($crate::__private::Besides<$besides>,)*)?
                $($plugin,)*
            );
            $($crate::__ports_of_plugin!(__List, $plugin, a a a a a a a a);)*
        }
        $crate::__private::PluginList::of(::std::vec![
            $(::std::boxed::Box::new($crate::__plugin_in_list!($plugin $({ $($option)* })?))),*
        ])
    }};
}

/// A plugin of a list as a value.
#[doc(hidden)]
#[macro_export]
macro_rules! __plugin_in_list {
    ($plugin:path) => {
        $crate::__private::by_default::<$plugin>()
    };
    ($plugin:path { $($option:tt)* }) => {{
        // A path that a macro was given can't begin an expression.
        type __Plugin = $plugin;
        __Plugin { $($option)* }
    }};
}

/// Looks for each port that a plugin asks for, one for each `a`. Eight chains can be behind each
/// other.
#[doc(hidden)]
#[macro_export]
macro_rules! __ports_of_plugin {
    ($list:ident, $plugin:path, $($a:ident)*) => {
        let fields = $crate::__private::fields_of::<$plugin, _>();
        $(
            let $a = $crate::__private::look_for::<$list, _, _>(fields)
                .look()
                .look()
                .look()
                .look()
                .look()
                .look()
                .look()
                .look()
                .must_be_provided::<$plugin>();
            let fields = $crate::__private::after_first(fields);
        )*
    };
}

/// Says of each place in the chain which one follows; after fifty plugins there is a cut.
#[doc(hidden)]
#[macro_export]
macro_rules! __plugins_in_order {
    (
        $list:ident [$($place:ty,)*]
        $p0:path, $p1:path, $p2:path, $p3:path, $p4:path, $p5:path, $p6:path, $p7:path,
        $p8:path, $p9:path, $p10:path, $p11:path, $p12:path, $p13:path, $p14:path,
        $p15:path, $p16:path, $p17:path, $p18:path, $p19:path, $p20:path, $p21:path,
        $p22:path, $p23:path, $p24:path, $p25:path, $p26:path, $p27:path, $p28:path,
        $p29:path, $p30:path, $p31:path, $p32:path, $p33:path, $p34:path, $p35:path,
        $p36:path, $p37:path, $p38:path, $p39:path, $p40:path, $p41:path, $p42:path,
        $p43:path, $p44:path, $p45:path, $p46:path, $p47:path, $p48:path, $p49:path,
        $($rest:path,)+
    ) => {
        $crate::__plugins_in_order!(
            $list [
                $($place,)*
                __At<$p0>, __At<$p1>, __At<$p2>, __At<$p3>, __At<$p4>, __At<$p5>, __At<$p6>,
                __At<$p7>, __At<$p8>, __At<$p9>, __At<$p10>, __At<$p11>, __At<$p12>, __At<$p13>,
                __At<$p14>, __At<$p15>, __At<$p16>, __At<$p17>, __At<$p18>, __At<$p19>, __At<$p20>,
                __At<$p21>, __At<$p22>, __At<$p23>, __At<$p24>, __At<$p25>, __At<$p26>, __At<$p27>,
                __At<$p28>, __At<$p29>, __At<$p30>, __At<$p31>, __At<$p32>, __At<$p33>, __At<$p34>,
                __At<$p35>, __At<$p36>, __At<$p37>, __At<$p38>, __At<$p39>, __At<$p40>, __At<$p41>,
                __At<$p42>, __At<$p43>, __At<$p44>, __At<$p45>, __At<$p46>, __At<$p47>, __At<$p48>,
                __At<$p49>,
                __Cut<$p49>,
            ]
            $($rest,)+
        );
    };
    ($list:ident [$($place:ty,)*] $($plugin:path,)*) => {
        $crate::__places_in_order!(
            $list
            [__Start, $($place,)* $(__At<$plugin>,)*]
            [$($place,)* $(__At<$plugin>,)* __End,]
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __places_in_order {
    ($list:ident [$($place:ty,)*] [$($next:ty,)*]) => {
        $(
            impl __StandsOnce<$place> for $list {
                type Next = $next;
            }
        )*
    };
}

/// Where the chain of a list begins.
#[derive(Debug)]
pub struct Start;

/// A plugin in the chain.
#[derive(Debug)]
pub struct At<P>(PhantomData<fn(&P)>);

/// Where the chain is cut, behind a plugin.
#[derive(Debug)]
pub struct Cut<P>(PhantomData<fn(&P)>);

/// Where the chain ends.
#[derive(Debug)]
pub struct End;

/// What comes behind a place in the chain of a list. Its name is part of what the compiler says of a
/// plugin that is listed twice.
pub trait StandsOnceInTheList<Place> {
    /// The next place.
    type Next;
}

/// Looks for the port `T` from a place in the chain on.
#[derive(Debug)]
pub struct Look<L, T: ?Sized, Place>(PhantomData<fn(&L, &T, &Place)>);

impl<L, T: ?Sized, Place> Look<L, T, Place> {
    const fn here() -> Self {
        Self(PhantomData)
    }

    /// The list is too long to look through: the plan says it.
    pub fn must_be_provided<Asker>(&self) {}
}

impl<L: StandsOnceInTheList<Start>, T: ?Sized> Deref for Look<L, T, Start> {
    type Target = Look<L, T, L::Next>;

    fn deref(&self) -> &Self::Target {
        const { &Look::here() }
    }
}

impl<L: StandsOnceInTheList<At<P>>, T: ?Sized, P> Deref for Look<L, T, At<P>> {
    type Target = Look<L, T, L::Next>;

    fn deref(&self) -> &Self::Target {
        const { &Look::here() }
    }
}

impl<L> Look<L, NoPort, Start> {
    /// There is nothing to look for.
    pub fn look(&self) -> Found {
        Found
    }
}

impl<L, T: ?Sized, P: ProvidesPort<T>> Look<L, T, At<P>> {
    /// It is provided here.
    pub fn look(&self) -> Found {
        Found
    }
}

impl<L: StandsOnceInTheList<Cut<P>>, T: ?Sized, P> Look<L, T, Cut<P>> {
    /// Goes on behind the cut.
    pub fn look(&self) -> Look<L, T, L::Next> {
        Look::here()
    }
}

impl<L, T: ?Sized> Look<L, T, End> {
    /// Nobody provides it.
    pub fn look(&self) -> NotFound<T> {
        NotFound(PhantomData)
    }
}

/// Somebody provides the port.
#[derive(Debug)]
pub struct Found;

impl Found {
    /// It stays found.
    pub fn look(&self) -> Self {
        Self
    }

    /// It is.
    pub fn must_be_provided<Asker>(&self) {}
}

/// Nobody in the list provides the port `T`.
#[derive(Debug)]
pub struct NotFound<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> NotFound<T> {
    /// It stays so.
    pub fn look(&self) -> Self {
        Self(PhantomData)
    }

    /// It is not.
    pub fn must_be_provided<Asker>(&self)
    where
        T: MustBeProvided<Asker>,
    {
    }
}

/// Nothing: who asks for a port that nobody provides asks for this.
#[diagnostic::on_unimplemented(
    message = "`{Asker}` needs the port `{Self}`, and nothing in this list provides it",
    label = "add a plugin that has it in its `ports = [..]`",
    note = "if it comes from elsewhere (`supply_port`, or a plugin that another one registers), name it behind the plugins: `plugins![.. ; besides: [Port<{Self}>]]`",
    note = "if `{Asker}` can do without, its field is an `Option<Port<{Self}>>`"
)]
pub trait MustBeProvided<Asker> {}

/// A handle to something that comes from elsewhere.
#[derive(Debug)]
pub struct Besides<H>(PhantomData<fn(&H)>);

impl<T: ?Sized, H: Inject<Port = T>> ProvidesPort<T> for Besides<H> {}

/// A plugin all of whose options have defaults.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be made by default",
    label = "if it is a plugin with an option that has no default, write `{Self} {{ .. }}`"
)]
pub trait ByDefault: Default {}

#[diagnostic::do_not_recommend]
impl<P: Default> ByDefault for P {}

/// A plugin with its default options.
pub fn by_default<P: ByDefault>() -> P {
    P::default()
}

/// The fields of a plugin that are requirements, as a list of types: `(A, (B, ()))`. A parameter,
/// and no type that belongs to the trait, because the types of fields may be private.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    label = "no `#[plugin]` on this type",
    note = "a list takes structs with `#[plugin]`; others are registered: `App::of(..).with(..)`"
)]
pub trait HasFields<F> {}

/// What is left of a list of fields.
pub trait FieldList {
    /// The port that the first field requires, or [`NoPort`].
    type FirstPort: ?Sized;
    /// The others.
    type Others;
}

impl FieldList for () {
    type FirstPort = NoPort;
    type Others = ();
}

impl<F: Inject, O> FieldList for (F, O) {
    type FirstPort = F::Port;
    type Others = O;
}

/// The fields of a plugin.
pub fn fields_of<P: HasFields<F>, F>() -> PhantomData<F> {
    PhantomData
}

/// Looks for what the first field requires.
pub fn look_for<L, F: FieldList<FirstPort = T>, T: ?Sized>(_: PhantomData<F>) -> Look<L, T, Start> {
    Look::here()
}

/// The fields behind the first.
pub fn after_first<F: FieldList>(_: PhantomData<F>) -> PhantomData<F::Others> {
    PhantomData
}

/// Panics, in a static, if a plugin of a list requires a state whose provider is not in the list.
///
/// # Panics
///
/// With each of them.
#[track_caller]
pub const fn check_list(list: &[Link], besides: &[Need]) {
    let mut text = Text::new();
    let mut is_complete = true;
    let mut place = 0;
    while place < list.len() {
        let asker = list[place].declaration();
        let mut field = 0;
        while field < asker.requires.len() {
            let requirement = &asker.requires[field];
            if let Some(Provider::Plugin(provider)) = requirement.need.provider
                && requirement.need.asks.is_required()
                && !provides(list, provider)
                && !is_besides(besides, provider)
            {
                if is_complete {
                    text.push("a plugin is missing in this list");
                }
                is_complete = false;
                text.line(asker.name, "needs ");
                text.quote(provider.declaration().name);
                text.at(provider.declaration().location);
                text.push(",");
                text.field(requirement);
            }
            field += 1;
        }
        place += 1;
    }
    if !is_complete {
        text.push(
            "\nhelp: add it to the list; or, if its state comes from elsewhere (`supply`), name that behind the plugins: `plugins![.. ; besides: [State<..>]]`",
        );
        panic!("{}", text.as_str());
    }
}

/// Whether a plugin is in a list, or is replaced or brought by one that is.
const fn provides(list: &[Link], provider: Link) -> bool {
    let mut wanted = provider;
    let mut steps = 0;
    while steps < MOST_ANCESTORS {
        if holds(list, wanted) {
            return true;
        }
        match wanted.parent() {
            Some(parent) => wanted = parent.plugin,
            None => return false,
        }
        steps += 1;
    }
    false
}

const fn holds(list: &[Link], wanted: Link) -> bool {
    let mut place = 0;
    while place < list.len() {
        let declaration: &Declaration = list[place].declaration();
        if list[place].id() == wanted.id() || declaration.lists(wanted) {
            return true;
        }
        if let Some(replaced) = declaration.replaces
            && replaced.id() == wanted.id()
        {
            return true;
        }
        place += 1;
    }
    false
}

const fn is_besides(besides: &[Need], provider: Link) -> bool {
    let mut place = 0;
    while place < besides.len() {
        if let Some(Provider::Plugin(of)) = besides[place].provider
            && of.id() == provider.id()
        {
            return true;
        }
        place += 1;
    }
    false
}
