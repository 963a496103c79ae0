//! Extractors that `Validated` reads.

use std::future::Future;

use axum::Json;
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;

use crate::problem::names;
use crate::validated::check::Checkable;
use crate::validated::found::Found;
use crate::validated::unread::Unread;

/// An extractor whose value [`Validated`](crate::Validated) checks.
///
/// Implement it for an extractor of your own, beside `FromRequestParts` or `FromRequest`: for one that reads
/// headers, for example. If it rejects the request with 400, 413, 415 or 422, its text is an issue; every other rejection is
/// the answer at once.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::axum::extract::FromRequestParts;
/// use bootstrap_web::axum::http::request::Parts;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::{Check, Issues, Source};
///
/// struct Tenant(String);
///
/// impl<S: Sync> FromRequestParts<S> for Tenant {
///     type Rejection = Problem;
///
///     async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
///         let tenant = parts.headers.get("x-tenant").and_then(|tenant| tenant.to_str().ok());
///         let tenant = tenant.ok_or_else(|| Problem::bad_request().detail("`x-tenant` is missing"))?;
///         Ok(Self(tenant.to_owned()))
///     }
/// }
///
/// impl Check for Tenant {
///     fn check(&self, issues: &mut Issues) {
///         if self.0.len() > 20 {
///             issues.add("x-tenant", "is longer than 20");
///         }
///     }
/// }
///
/// impl Source for Tenant {
///     const NAME: &'static str = "headers";
///     type Value = Self;
///
///     fn value(&self) -> &Self {
///         self
///     }
/// }
///
/// async fn list(Validated((tenant, Path(page))): Validated<(Tenant, Path<u32>)>) -> String {
///     format!("page {page} of {}", tenant.0)
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/pages/{page}", list)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be validated: it is not an extractor that `Validated` knows",
    label = "not a source of values",
    note = "help: use `Path<T>`, `Query<T>`, `Form<T>` or `Json<T>`, or implement `bootstrap_web::Source` for an extractor of your own"
)]
pub trait Source: Sized {
    /// The member `source` of its issues.
    const NAME: &'static str;

    /// What is checked.
    type Value;

    /// The value in it.
    fn value(&self) -> &Self::Value;
}

macro_rules! sources {
    ($($source:ident $name:literal;)*) => {$(
        impl<T> Source for $source<T> {
            const NAME: &'static str = $name;
            type Value = T;

            fn value(&self) -> &T {
                &self.0
            }
        }
    )*};
}

sources! {
    Path "path";
    Query "query";
    Form "form";
    Json "json";
}

/// One source, or a tuple of them.
#[doc(hidden)]
pub trait Sources: Sized {
    /// What was read of each: its value, or why there is none.
    type Read: Send;
}

/// Sources that are in the head of a request.
#[doc(hidden)]
pub trait HeadSources: Sources {
    fn read_head(parts: &mut Parts) -> impl Future<Output = Self::Read> + Send;
}

/// Sources of which the last one is the body.
#[doc(hidden)]
pub trait BodySources: Sources {
    fn read(request: Request) -> impl Future<Output = Self::Read> + Send;
}

/// What was read of sources whose values have rules; `M` is where the rules are found.
///
/// Implemented for what was read, and not for the sources: so the compiler knows from the type alone which
/// implementation is meant, and names the value that has no rules.
#[doc(hidden)]
pub trait Ruled<M> {
    type Sources;

    /// The sources, unless one of them is missing; and what is wrong with them.
    fn check(self, found: &mut Found) -> Option<Self::Sources>;
}

/// What was read of one source.
#[doc(hidden)]
#[derive(Debug)]
pub struct Reading<E>(Result<E, Unread>);

impl<E: Source + Send> Sources for E {
    type Read = Reading<E>;
}

impl<E> HeadSources for E
where
    E: Source + FromRequestParts<(), Rejection: 'static> + Send,
{
    async fn read_head(parts: &mut Parts) -> Reading<E> {
        let read = E::from_request_parts(parts, &()).await;
        Reading(read.map_err(|rejection| Unread::of(rejection, &names(parts))))
    }
}

impl<E> BodySources for E
where
    E: Source + FromRequest<(), Rejection: 'static> + Send,
{
    async fn read(request: Request) -> Reading<E> {
        let read = E::from_request(request, &()).await;
        Reading(read.map_err(|rejection| Unread::of(rejection, &[])))
    }
}

impl<E, M> Ruled<M> for Reading<E>
where
    E: Source<Value: Checkable<M>>,
{
    type Sources = E;

    fn check(self, found: &mut Found) -> Option<E> {
        match self.0 {
            Ok(source) => {
                found.check(E::NAME, |issues| source.value().check_by(issues));
                Some(source)
            }
            Err(unread) => {
                found.unread(E::NAME, unread);
                None
            }
        }
    }
}

macro_rules! tuples {
    ($([$($source:ident $mark:ident),*] $last:ident $last_mark:ident;)*) => {$(
        impl<$($source: Sources,)* $last: Sources> Sources for ($($source,)* $last,) {
            type Read = ($($source::Read,)* $last::Read,);
        }

        impl<$($source: HeadSources,)* $last: HeadSources> HeadSources for ($($source,)* $last,) {
            async fn read_head(parts: &mut Parts) -> Self::Read {
                ($($source::read_head(parts).await,)* $last::read_head(parts).await,)
            }
        }

        #[allow(unused_mut, reason = "without sources in the head")]
        impl<$($source: HeadSources,)* $last: BodySources> BodySources for ($($source,)* $last,) {
            async fn read(request: Request) -> Self::Read {
                let (mut parts, body) = request.into_parts();
                (
                    $($source::read_head(&mut parts).await,)*
                    $last::read(Request::from_parts(parts, body)).await,
                )
            }
        }

        #[allow(non_snake_case)]
        impl<$($source, $mark,)* $last, $last_mark> Ruled<($($mark,)* $last_mark,)>
            for ($($source,)* $last,)
        where
            $($source: Ruled<$mark>,)*
            $last: Ruled<$last_mark>,
        {
            type Sources = ($($source::Sources,)* $last::Sources,);

            fn check(self, found: &mut Found) -> Option<Self::Sources> {
                let ($($source,)* $last,) = self;
                // All of them, so that all issues are found.
                $(let $source = $source.check(found);)*
                let $last = $last.check(found);
                Some(($($source?,)* $last?,))
            }
        }
    )*};
}

tuples! {
    [] E1 M1;
    [E1 M1] E2 M2;
    [E1 M1, E2 M2] E3 M3;
    [E1 M1, E2 M2, E3 M3] E4 M4;
}
