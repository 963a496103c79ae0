//! The requirements of a set of routes, one of each type.

use bootstrap::extend::{Inject, RequiredBy, Requirement};
use bootstrap::plan::Location;

/// What the arguments of handlers and hooks require. A type that several require is listed once, in
/// the words of the first.
#[derive(Debug, Default)]
pub struct Needs {
    list: Vec<Requirement>,
    types: Vec<String>,
    /// Of the function whose arguments are added.
    taker: Taker,
}

/// A handler or a hook, as messages name it.
#[derive(Clone, Debug)]
pub(crate) struct Taker {
    /// `list`.
    pub(crate) function: String,
    /// `GET /rows`, or the kind of a hook.
    pub(crate) place: String,
    pub(crate) at: Location,
}

impl Default for Taker {
    fn default() -> Self {
        Self {
            function: String::new(),
            place: String::new(),
            at: Location::new("", 0, 0),
        }
    }
}

impl Needs {
    pub(crate) fn of(&mut self, taker: Taker) -> &mut Self {
        self.taker = taker;
        self
    }

    /// Adds an argument of type `H`.
    pub fn add<H>(&mut self)
    where
        H: Inject + Send + Sync,
        H::Requires: RequiredBy<H>,
    {
        let Taker {
            function,
            place,
            at,
        } = &self.taker;
        let argument = short_type_name::<H>();
        if !self.types.contains(&argument) {
            self.types.push(argument.clone());
        }
        let text = format!("argument `{argument}` of `{function}` ({place})");
        let requirement = Requirement::of::<H>(text, *at);
        let is_new = |known: &Requirement| known.handle() != requirement.handle();
        if self.list.iter().all(is_new) {
            self.list.push(requirement);
        }
    }

    /// The types of the arguments: `State<Table>`.
    pub(crate) fn argument_types(self) -> Vec<String> {
        self.types
    }

    pub(crate) fn into_list(self) -> Vec<Requirement> {
        self.list
    }
}

/// The name of a type without the paths in it: `State<Table>`.
pub(crate) fn short_type_name<T: ?Sized>() -> String {
    short(std::any::type_name::<T>())
}

fn short(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut word = 0;
    for letter in name.chars() {
        if letter == ':' {
            out.truncate(word);
            continue;
        }
        out.push(letter);
        if !letter.is_alphanumeric() && letter != '_' {
            word = out.len();
        }
    }
    out
}

/// The type of the handler within `operation(handler)`.
#[cfg(feature = "openapi")]
fn handler_name(name: &str) -> &str {
    let wrapper = std::any::type_name::<crate::handle::Described<()>>();
    let wrapper = wrapper.trim_end_matches("()>");
    let inner = name.strip_prefix(wrapper);
    inner.and_then(|it| it.strip_suffix('>')).unwrap_or(name)
}

#[cfg(not(feature = "openapi"))]
fn handler_name(name: &str) -> &str {
    name
}

/// The name of a function, as messages show it: its own, or that of what it is within.
pub(crate) fn function_name<F>() -> String {
    let name = handler_name(std::any::type_name::<F>());
    let function = name.trim_end_matches("::{{closure}}");
    let last = short(function);
    if function.len() < name.len() {
        format!("a closure in {last}")
    } else {
        last
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn paths_are_left_out_of_the_names_of_types() {
        let name = "core::option::Option<bootstrap::declare::State<my_app::db::Table<u8>>>";
        assert_eq!(short(name), "Option<State<Table<u8>>>");
        assert_eq!(
            short("a::Port<dyn b::Mailer + c::Send>"),
            "Port<dyn Mailer + Send>"
        );
        assert_eq!(short("app::api::list"), "list");
    }
}
