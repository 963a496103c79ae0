//! Operations: descriptions of handlers for the OpenAPI document.

mod described;
mod input;
mod output;

use std::borrow::Cow;
use std::{fmt, mem};

use schemars::{JsonSchema, Schema, SchemaGenerator};

pub use described::{Described, operation, plain_operation};
pub use input::OperationInput;
pub use output::{OperationOutput, ResponsePart};

/// Makes the schema of a type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A description of what a handler takes and returns, of which the OpenAPI document is made.
///
/// Implementations of [`OperationInput`] and [`OperationOutput`] fill it. Users set the texts with
/// [`Described`].
#[derive(Clone, Default)]
pub struct Operation {
    pub(crate) id: Option<String>,
    pub(crate) summary: Option<Cow<'static, str>>,
    pub(crate) description: Option<Cow<'static, str>>,
    pub(crate) tags: Vec<Cow<'static, str>>,
    pub(crate) is_deprecated: bool,
    pub(crate) is_hidden: bool,
    /// Whether its arguments and its response are described.
    pub(crate) has_types: bool,
    pub(crate) path: Option<SchemaOf>,
    pub(crate) query: Vec<SchemaOf>,
    pub(crate) headers: Vec<Cow<'static, str>>,
    pub(crate) body: Option<Content>,
    pub(crate) responses: Vec<Answered>,
    /// The status of what is added next: that of `Described::status`, of a `StatusCode` in a tuple, or of an error.
    pub(crate) next_status: Option<Cow<'static, str>>,
    /// The headers of what is added next.
    pub(crate) next_headers: Vec<Cow<'static, str>>,
}

/// A media type, and its schema if it has one.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) kind: &'static str,
    pub(crate) schema: Option<SchemaOf>,
    /// Of the body of a request.
    pub(crate) is_optional: bool,
}

/// A response by its status: `200`, `2XX`, `default`.
#[derive(Clone)]
pub(crate) struct Answered {
    pub(crate) status: Cow<'static, str>,
    pub(crate) content: Option<Content>,
    pub(crate) headers: Vec<Cow<'static, str>>,
    /// Whether it is a problem, whose schema the document knows.
    pub(crate) is_problem: bool,
}

/// The schema of a type, for [`SchemaOf`].
fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Operation {
    /// Adds the parameters in the path: the fields of a struct, the items of a tuple, or a single value.
    pub fn path<T: JsonSchema>(&mut self) -> &mut Self {
        self.path = Some(schema_of::<T>);
        self
    }

    /// Adds the fields of a struct as parameters in the query.
    pub fn query<T: JsonSchema>(&mut self) -> &mut Self {
        self.query.push(schema_of::<T>);
        self
    }

    /// Adds a header that the handler reads.
    pub fn header(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.headers.push(name.into());
        self
    }

    /// Sets the body of the request: its media type, and the type of its value.
    pub fn body<T: JsonSchema>(&mut self, media_type: &'static str) -> &mut Self {
        self.set_body(media_type, Some(schema_of::<T>))
    }

    /// Sets the media type of the body of the request, without a schema.
    pub fn raw_body(&mut self, media_type: &'static str) -> &mut Self {
        self.set_body(media_type, None)
    }

    fn set_body(&mut self, kind: &'static str, schema: Option<SchemaOf>) -> &mut Self {
        self.body = Some(Content {
            kind,
            schema,
            is_optional: false,
        });
        self
    }

    /// Adds a response with a body: its media type, and the type of its value.
    pub fn response<T: JsonSchema>(&mut self, media_type: &'static str) -> &mut Self {
        let schema: SchemaOf = schema_of::<T>;
        self.answered(Some((media_type, Some(schema))), false)
    }

    /// Adds a response with a body of a media type, without a schema.
    pub fn raw_response(&mut self, media_type: &'static str) -> &mut Self {
        self.answered(Some((media_type, None)), false)
    }

    /// Adds a response without a body.
    pub fn empty_response(&mut self) -> &mut Self {
        self.answered(None, false)
    }

    /// Adds a response that is a [`Problem`](crate::Problem).
    pub fn problem(&mut self) -> &mut Self {
        self.answered(None, true)
    }

    /// Sets the status of the response that is added next: `201`, `2XX`, `default`. `200` unless it is set.
    pub fn status(&mut self, status: impl Into<Cow<'static, str>>) -> &mut Self {
        self.next_status = Some(status.into());
        self
    }

    /// Adds a header to the response that is added next: `location`.
    pub fn response_header(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.next_headers.push(name.into());
        self
    }

    /// Ends the description of a response: what is set for the next one is forgotten if none was added.
    pub(crate) fn end_response(&mut self) {
        self.next_status = None;
        self.next_headers.clear();
    }

    fn answered(
        &mut self,
        content: Option<(&'static str, Option<SchemaOf>)>,
        is_problem: bool,
    ) -> &mut Self {
        let status = self.next_status.take().unwrap_or("200".into());
        self.responses.push(Answered {
            status,
            content: content.map(|(kind, schema)| Content {
                kind,
                schema,
                is_optional: false,
            }),
            headers: mem::take(&mut self.next_headers),
            is_problem,
        });
        self
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("summary", &self.summary)
            .field("has_types", &self.has_types)
            .finish_non_exhaustive()
    }
}
