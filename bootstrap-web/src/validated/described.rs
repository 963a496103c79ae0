//! `Validated` in the OpenAPI document.

use crate::Validated;
use crate::handle::{Operation, OperationInput};

impl<E: ValidatedInput> OperationInput for Validated<E> {
    fn describe(operation: &mut Operation) {
        E::describe_sources(operation);
        operation.status("422").problem();
    }
}

/// One source, or a tuple of them.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the argument `Validated<{Self}>` can't be described in the OpenAPI document",
    label = "not described",
    note = "help: implement `OperationInput` for a source of your own"
)]
pub trait ValidatedInput {
    fn describe_sources(operation: &mut Operation);
}

impl<E: OperationInput> ValidatedInput for E {
    fn describe_sources(operation: &mut Operation) {
        E::describe(operation);
    }
}

macro_rules! tuples {
    ($([$($source:ident)*])*) => {$(
        impl<$($source: OperationInput,)*> ValidatedInput for ($($source,)*) {
            fn describe_sources(operation: &mut Operation) {
                $($source::describe(operation);)*
            }
        }
    )*};
}

tuples! {
    [E1]
    [E1 E2]
    [E1 E2 E3]
    [E1 E2 E3 E4]
}
