//! Functions, by the tuple of their arguments.

/// A function of the arguments `A`. Only their number is checked here, so that the compiler names the
/// argument or the returned type that is wrong.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a handler or a hook",
    label = "not a function that can be called for each request",
    note = "help: name a function or an `async fn` without calling it, or write a closure that does not consume or change what it captures"
)]
pub trait Call<A> {
    type Output;

    fn call(&self, arguments: A) -> Self::Output;

    /// Its description, if it has one.
    #[cfg(feature = "openapi")]
    fn operation(&self) -> Option<&crate::handle::Operation> {
        None
    }
}

macro_rules! functions {
    ($([$($argument:ident)*])*) => {$(
        #[allow(non_snake_case)]
        impl<F, R, $($argument,)*> Call<($($argument,)*)> for F
        where
            F: Fn($($argument,)*) -> R,
        {
            type Output = R;

            fn call(&self, ($($argument,)*): ($($argument,)*)) -> R {
                self($($argument,)*)
            }
        }
    )*};
}

// More than a handler or a hook may have: a function with too many is one whose arguments are wrong.
functions! {
    []
    [A1]
    [A1 A2]
    [A1 A2 A3]
    [A1 A2 A3 A4]
    [A1 A2 A3 A4 A5]
    [A1 A2 A3 A4 A5 A6]
    [A1 A2 A3 A4 A5 A6 A7]
    [A1 A2 A3 A4 A5 A6 A7 A8]
    [A1 A2 A3 A4 A5 A6 A7 A8 A9]
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10]
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11]
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12]
}
