//! The table of routes, as data and as text.

use std::fmt;
use std::sync::Arc;

use axum::http::Method;
use bootstrap::plan::Location;

use crate::handle::Reach;

/// One route of an app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouteInfo {
    /// The plugin that it belongs to.
    pub plugin: String,
    /// The method; `None` for every method.
    pub method: Option<Method>,
    /// The whole path: `/users/{id}`.
    pub path: String,
    /// The function that handles it.
    pub handler: String,
    /// What the handler requires of the app, as its arguments say: `State<Table>`.
    pub requires: Vec<String>,
    /// The hooks around it, in the order in which they run: `before_handle authenticate`.
    pub hooks: Vec<String>,
    /// Where it is written.
    pub at: Location,
    /// Which listeners serve it.
    #[cfg_attr(
        not(feature = "openapi"),
        expect(dead_code, reason = "for the OpenAPI document")
    )]
    pub(crate) reach: Reach,
    /// Its description for the OpenAPI document.
    #[cfg(feature = "openapi")]
    pub(crate) operation: Option<crate::handle::Operation>,
}

impl RouteInfo {
    /// Whether the OpenAPI document has the types of its arguments and its response: see
    /// [`operation`](crate::operation).
    #[cfg(feature = "openapi")]
    pub fn is_described(&self) -> bool {
        self.operation.as_ref().is_some_and(|it| it.has_types)
    }

    /// `GET /users/{id}`.
    pub(crate) fn name(&self) -> String {
        name(self.method.as_ref(), &self.path)
    }
}

pub(crate) fn name(method: Option<&Method>, path: &str) -> String {
    match method {
        Some(method) => format!("{method} {path}"),
        None => format!("ANY {path}"),
    }
}

/// All routes of an app, in the order of the plan and of the source. `Display` is a table.
#[derive(Clone, Debug)]
pub struct RouteTable(pub(crate) Arc<[RouteInfo]>);

impl RouteTable {
    /// The routes.
    pub fn routes(&self) -> &[RouteInfo] {
        &self.0
    }
}

impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(RouteInfo::name).collect();
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let names_width = width(&mut names.iter().map(|it| it.chars().count()));
        let plugins_width = width(&mut self.0.iter().map(|it| it.plugin.chars().count()));
        for (route, name) in self.0.iter().zip(&names) {
            let RouteInfo {
                plugin, handler, ..
            } = route;
            write!(f, "{name:names_width$}  {plugin:plugins_width$}  {handler}")?;
            if !route.requires.is_empty() {
                write!(f, "({})", route.requires.join(", "))?;
            }
            if !route.hooks.is_empty() {
                write!(f, "  [{}]", route.hooks.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
