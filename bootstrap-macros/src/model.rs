//! A plugin as the macro knows it once every rule holds. Nothing in here is half valid.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Attribute, Expr, ExprLit, Generics, Lit, LitStr, Member, Path, Type, Visibility};

use crate::args::{Collect, Enabled};

#[allow(
    clippy::struct_excessive_bools,
    reason = "each stands for something that is said or not"
)]
pub(crate) struct PluginModel {
    /// The item without the attributes that are ours.
    pub(crate) item: TokenStream,
    /// Whether the item is a struct; what is not is reported, and kept usable all the same.
    pub(crate) is_struct: bool,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    /// Where the runtime crate is, if not at `::bootstrap`.
    pub(crate) krate: Option<Path>,
    pub(crate) name: Name,
    pub(crate) states: Vec<StateType>,
    pub(crate) ports: Vec<StateType>,
    /// Whether it is meant where several provide the same.
    pub(crate) is_primary: bool,
    pub(crate) after: Vec<Path>,
    pub(crate) load_timeout: Option<u64>,
    pub(crate) close_timeout: Option<u64>,
    /// A number of attempts, or a `Retry`.
    pub(crate) retry: Option<Expr>,
    /// A `Supervision`.
    pub(crate) supervise: Option<Expr>,
    /// The plugin that registers this one while it loads.
    pub(crate) child_of: Option<Path>,
    /// Plugins that this one registers while it loads.
    pub(crate) children: Vec<Path>,
    pub(crate) replaces: Option<Path>,
    /// What decides whether it is part of an app.
    pub(crate) enabled: Option<Enabled>,
    pub(crate) collect: Collect,
    /// Requirements beside the fields: a constant.
    pub(crate) requires: Option<Expr>,
    /// Whether the user derives `Default`, which is a mistake if this macro would write it.
    pub(crate) derives_default: bool,
    pub(crate) fields: Vec<Field>,
}

/// The type of a state, or of a port.
pub(crate) struct StateType {
    pub(crate) ty: Type,
    /// Whether it can be one; what can't is reported.
    pub(crate) is_right: bool,
    /// Whether the plugin itself is what it provides at this port.
    pub(crate) is_own: bool,
}

/// What the plugin is called.
pub(crate) enum Name {
    /// As written, or from the name of the struct.
    Literal(LitStr),
    /// A constant.
    Constant(Box<Expr>),
}

impl Name {
    pub(crate) fn of(expr: &Expr) -> Self {
        match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Str(literal),
                ..
            }) => Self::Literal(literal.clone()),
            other => Self::Constant(Box::new(other.clone())),
        }
    }

    pub(crate) fn literal(&self) -> Option<String> {
        match self {
            Self::Literal(literal) => Some(literal.value()),
            Self::Constant(_) => None,
        }
    }
}

pub(crate) struct Field {
    /// The `#[cfg(..)]`s on it, which everything has that is said about it.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) member: Member,
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) ty: Type,
    /// The type as a person would write it.
    pub(crate) text: String,
    /// Where the type begins, and where it ends: rustc underlines what is between the two.
    pub(crate) first: Span,
    pub(crate) last: Span,
    pub(crate) kind: FieldKind,
    /// The key of the configuration from which it is read.
    pub(crate) config: Option<LitStr>,
    /// Whether an option may have a method that sets it.
    pub(crate) has_setter: bool,
}

pub(crate) enum FieldKind {
    /// Bound by the runtime.
    Requirement,
    /// Holds what is bound of `requires = ..`.
    Derived,
    /// Plain data, set before boot.
    Option(DefaultValue),
    /// The plugin's own memory.
    Local,
}

pub(crate) enum DefaultValue {
    OfItsType,
    Expr(Box<Expr>),
    /// None: it is written where the plugin is registered.
    Required,
    /// None: it is read from the configuration.
    Configured,
}

impl Field {
    /// The name; `None` for a field with a number.
    pub(crate) fn ident(&self) -> Option<&Ident> {
        match &self.member {
            Member::Named(ident) => Some(ident),
            Member::Unnamed(_) => None,
        }
    }
}

impl PluginModel {
    pub(crate) fn is_generic(&self) -> bool {
        !self.generics.params.is_empty()
    }

    /// Whether it says anything of parents or children.
    pub(crate) fn has_kin(&self) -> bool {
        self.child_of.is_some() || !self.children.is_empty()
    }

    /// Whether it may join apps that collect; generic ones can't, they have to be registered.
    pub(crate) fn is_collected(&self) -> bool {
        self.collect != Collect::Never && !self.is_generic()
    }

    /// What `load` returns: the states, and the ports at which the plugin is not itself.
    pub(crate) fn returned_ports(&self) -> impl Iterator<Item = &StateType> + Clone {
        self.ports.iter().filter(|port| !port.is_own)
    }

    /// Whether it provides a port in apps that register it only. Which plugin provides a port is not
    /// known from the type of the port, so the plan finds it in a list.
    pub(crate) fn is_aside(&self) -> bool {
        let is_known = self.is_collected() || self.has_kin() || self.is_generic();
        !is_known && !self.ports.is_empty() && self.replaces.is_none()
    }

    /// The options that are read from the configuration.
    pub(crate) fn configured(&self) -> impl Iterator<Item = (&Field, &LitStr)> {
        self.fields
            .iter()
            .filter_map(|field| Some((field, field.config.as_ref()?)))
    }

    /// Whether it can't be made without the configuration.
    pub(crate) fn needs_configuration(&self) -> bool {
        self.unread().next().is_some()
    }

    /// The options that have no value until they are read.
    pub(crate) fn unread(&self) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(|field| matches!(field.kind, FieldKind::Option(DefaultValue::Configured)))
    }

    /// The options without a default.
    pub(crate) fn required(&self) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(|field| matches!(field.kind, FieldKind::Option(DefaultValue::Required)))
    }

    /// Whether every field has a default.
    pub(crate) fn has_default(&self) -> bool {
        self.required().next().is_none()
    }

    /// The options that are set by a method.
    pub(crate) fn settable(&self) -> impl Iterator<Item = (&Field, &Ident)> {
        self.fields.iter().filter_map(|field| match &field.kind {
            FieldKind::Option(DefaultValue::Required) => None,
            FieldKind::Option(_) if field.has_setter => Some((field, field.ident()?)),
            _ => None,
        })
    }

    /// Whether it is made by a function that takes the required options.
    pub(crate) fn has_constructor(&self) -> bool {
        let has_setter = |field: &Field| field.has_setter && field.ident().is_some();
        !self.has_default() && self.required().all(has_setter)
    }

    /// Whether the struct has lifetimes, which no plugin can have.
    pub(crate) fn borrows(&self) -> bool {
        self.generics.lifetimes().next().is_some()
    }

    pub(crate) fn requirements(&self) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(|field| matches!(field.kind, FieldKind::Requirement))
    }

    pub(crate) fn locals(&self) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(|field| matches!(field.kind, FieldKind::Local))
    }
}
