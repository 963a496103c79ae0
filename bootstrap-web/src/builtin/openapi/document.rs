//! The document: <https://spec.openapis.org/oas/v3.1.1>.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::builtin::openapi::parameters::{parameters, template};
use crate::builtin::openapi::schemas::Schemas;
use crate::handle::{Answered, Content, Operation, Reach, SchemaOf};
use crate::problem::Format;
use crate::routes::RouteInfo;
use crate::web::Web;

/// The set of the document itself, which is not part of the API.
const OWN: &str = "openapi";

/// The methods of a path item.
const METHODS: [&str; 8] = [
    "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE",
];

impl Web {
    /// The OpenAPI 3.1 document of all routes, to be written to a file, or compared in a test. The plugin
    /// [`OpenApi`](crate::OpenApi) serves it.
    ///
    /// It has every route of every set, with the parameters of its path; those whose handler is
    /// an [`operation`](crate::operation) with schemas, too. Not in it are routes for [every method](crate::Routes::any), which
    /// OpenAPI cannot express, mounted routers, routes for [management](crate::BoundRoutes::management), and those of `Health` and `OpenApi`.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap_web::prelude::*;
    ///
    /// #[routes(name = "api")]
    /// fn api() -> impl RouteSet {
    ///     Routes::new().get("/hello/{name}", |Path(name): Path<String>| async { name })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let running = App::new().with(Api::default()).with(WebPlugin::default()).boot().await?;
    /// let document = running.try_get::<State<Web>>()?.openapi("Greetings", "1.0.0");
    /// assert_eq!(document["openapi"], "3.1.0");
    /// assert_eq!(document["paths"]["/hello/{name}"]["get"]["parameters"][0]["name"], "name");
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn openapi(&self, title: &str, version: &str) -> Value {
        let mut writer = Writer {
            schemas: Schemas::new(),
            ids: HashSet::new(),
        };
        let mut paths = Map::new();
        for route in self.routes().routes() {
            let Some(method) = documented(route) else {
                continue;
            };
            let item = paths
                .entry(template(&route.path))
                .or_insert_with(|| json!({}));
            item[method.to_lowercase()] = writer.operation(route);
        }
        let mut responses: Vec<&mut Value> = Vec::new();
        for item in paths.values_mut().filter_map(Value::as_object_mut) {
            responses.extend(item.values_mut().filter_map(|it| it.get_mut("responses")));
        }
        let mut schemas = writer.schemas.finish(&mut responses);
        schemas.insert("Problem".into(), problem(self.format()));
        json!({
            "openapi": "3.1.0",
            "info": { "title": title, "version": version },
            "paths": paths,
            "components": { "schemas": schemas, "responses": { "Problem": problem_response(self.format()) } },
        })
    }
}

/// The method of a route that is in the document.
fn documented(route: &RouteInfo) -> Option<&str> {
    let is_hidden = route.operation.as_ref().is_some_and(|it| it.is_hidden);
    let method = route.method.as_ref()?.as_str();
    let is_public = route.reach == Reach::Public && route.plugin != OWN;
    let is_in = METHODS.contains(&method) && !is_hidden && is_public;
    is_in.then_some(method)
}

struct Writer {
    schemas: Schemas,
    /// Ids that are taken.
    ids: HashSet<String>,
}

impl Writer {
    fn operation(&mut self, route: &RouteInfo) -> Value {
        let known = route.operation.as_ref();
        let mut out = Map::new();
        let tags = known.map(|it| &*it.tags).unwrap_or_default();
        let tags = if tags.is_empty() {
            json!([route.plugin])
        } else {
            json!(tags)
        };
        out.insert("tags".into(), tags);
        if let Some(operation) = known {
            let texts = [
                ("summary", &operation.summary),
                ("description", &operation.description),
            ];
            for (member, text) in texts {
                out.extend(text.as_ref().map(|text| (member.to_owned(), json!(text))));
            }
            if operation.is_deprecated {
                out.insert("deprecated".into(), true.into());
            }
        }
        out.insert("operationId".into(), self.id(route).into());
        let parameters = parameters(&route.path, known, &mut self.schemas);
        if !parameters.is_empty() {
            out.insert("parameters".into(), parameters.into());
        }
        if let Some(body) = known.and_then(|it| it.body.as_ref()) {
            let content = content(body, |schema| self.schemas.read(schema));
            let required = !body.is_optional;
            out.insert(
                "requestBody".into(),
                json!({ "content": content, "required": required }),
            );
        }
        out.insert("responses".into(), self.responses(known));
        out.into()
    }

    /// `rows.add`; with a number if that is taken.
    fn id(&mut self, route: &RouteInfo) -> String {
        let given = route.operation.as_ref().and_then(|it| it.id.clone());
        let id = given.unwrap_or_else(|| {
            let handler = route.handler.rsplit(' ').next().unwrap_or_default();
            format!("{}.{handler}", route.plugin)
        });
        let numbered = (2..).map(|number| format!("{id}_{number}"));
        let mut ids = std::iter::once(id.clone()).chain(numbered);
        let free = ids.find(|id| !self.ids.contains(id)).unwrap_or(id);
        self.ids.insert(free.clone());
        free
    }

    fn responses(&mut self, operation: Option<&Operation>) -> Value {
        let mut out = Map::new();
        for response in operation.map(|it| &*it.responses).unwrap_or_default() {
            let written = self.response(response);
            let known = out
                .entry(&*response.status)
                .or_insert_with(|| written.clone());
            // A status with several media types.
            let known = known.get_mut("content").and_then(Value::as_object_mut);
            if let (Some(known), Some(more)) = (known, written["content"].as_object()) {
                known.extend(more.clone());
            }
        }
        if !out.keys().any(|status| status.starts_with(['2', '3'])) {
            out.insert("2XX".into(), json!({ "description": "a response" }));
        }
        out.entry("default").or_insert_with(reference);
        out.into()
    }

    fn response(&mut self, response: &Answered) -> Value {
        if response.is_problem {
            return reference();
        }
        let mut out = json!({ "description": reason(&response.status) });
        for name in &response.headers {
            out["headers"][&**name] = json!({ "schema": { "type": "string" } });
        }
        if let Some(body) = &response.content {
            out["content"] = content(body, |schema| self.schemas.written(schema));
        }
        out
    }
}

fn content(body: &Content, schema: impl FnOnce(SchemaOf) -> Value) -> Value {
    let media = body
        .schema
        .map_or_else(|| json!({}), |it| json!({ "schema": schema(it) }));
    json!({ body.kind: media })
}

fn reference() -> Value {
    json!({ "$ref": "#/components/responses/Problem" })
}

/// The standard text of a status.
fn reason(status: &str) -> &'static str {
    let status = status.parse().ok();
    let status = status.and_then(|code: u16| axum::http::StatusCode::from_u16(code).ok());
    status
        .and_then(|it| it.canonical_reason())
        .unwrap_or("a response")
}

fn problem(format: Format) -> Value {
    if format == Format::Message {
        return json!({
            "type": "object",
            "properties": { "message": { "type": "string" } },
            "required": ["message"],
        });
    }
    json!({
        "type": "object",
        "description": "An error, as RFC 9457 describes it.",
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "Identifies the kind of the problem." },
            "title": { "type": "string", "description": "The kind in words." },
            "status": { "type": "integer", "description": "The status of the response." },
            "detail": { "type": "string", "description": "What is wrong with this request." },
            "instance": { "type": "string", "format": "uri-reference", "description": "Identifies this occurrence." },
            "issues": {
                "type": "array",
                "description": "All values of the request that are not valid.",
                "items": {
                    "type": "object",
                    "properties": {
                        "source": { "type": "string" },
                        "path": { "type": "string" },
                        "message": { "type": "string" },
                    },
                    "required": ["source", "path", "message"],
                },
            },
        },
        "required": ["type", "title", "status"],
        "additionalProperties": true,
    })
}

fn problem_response(format: Format) -> Value {
    let kind = match format {
        Format::Message => "application/json",
        _ => "application/problem+json",
    };
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({ "description": "an error", "content": { kind: { "schema": schema } } })
}
