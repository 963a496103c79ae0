//! Who acts.

use bootstrap_web::OnlyOneHookMayGive;

/// An operator: a hook in front of the [page](crate::operations::page()) gives one for each request that may see it.
///
/// # Examples
///
/// ```
/// use bootstrap_services::operations::Operator;
/// use bootstrap_web::prelude::*;
///
/// async fn operator(headers: HeaderMap) -> Answer<Give<Operator>> {
///     let user = headers.get("x-user").and_then(|name| name.to_str().ok());
///     match user.ok_or_else(Problem::unauthorized)? {
///         "ada" => Ok(Give(Operator::new("ada"))),
///         _ => Err(Problem::forbidden()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    name: String,
}

impl Operator {
    /// Creates an operator with a name, which the page, the log and the audit log show.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The hooks in front of a page give an [`Operator`]: what [`page`](crate::operations::page()) requires.
#[diagnostic::on_unimplemented(
    message = "no hook in front of the page for operators gives an `Operator`",
    label = "everyone could use this page",
    note = "help: write `.before_handle(operator)` in front of this call, where `operator` checks the request and returns `Answer<Give<Operator>>`"
)]
pub trait GivesOperator<I> {}

#[diagnostic::do_not_recommend]
impl<V, I> GivesOperator<I> for V where V: OnlyOneHookMayGive<Operator, I> {}
