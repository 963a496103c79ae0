use std::collections::HashMap;

use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::{
    AccessLog, Check, ClientIp, Health, Issues, OpenApi, ProxiesPlugin, RequestId, operation,
    plain_operation,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{boot, client, run, with_client};

/// A row that a client sends.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Row {
    /// Its title.
    title: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(skip_deserializing)]
    id: u32,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Tag {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Page {
    /// How many.
    #[serde(default)]
    size: u8,
    after: String,
}

impl Check for Page {
    fn check(&self, issues: &mut Issues) {
        if self.size > 100 {
            issues.add("size", "is too large");
        }
        if self.after.is_empty() {
            issues.add("after", "is empty");
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Place {
    team: u32,
    row: String,
}

#[supplied]
struct Table;

struct NoSchema;

impl IntoResponse for NoSchema {
    fn into_response(self) -> Response {
        ().into_response()
    }
}

async fn list(_: State<Table>, Query(_): Query<Page>) -> Json<Vec<Row>> {
    Json(Vec::new())
}

async fn add(
    _: State<Table>,
    _: ClientIp,
    _: RequestId,
    Json(row): Json<Row>,
) -> Result<(StatusCode, Json<Row>), Problem> {
    Ok((StatusCode::CREATED, Json(row)))
}

async fn create(Json(row): Json<Row>) -> Answer<Created<Json<Row>>> {
    Ok(Created::at("/rows/7", Json(row)))
}

async fn clear() -> Answer<NoContent> {
    Ok(NoContent)
}

async fn find(Path((team, row)): Path<(u32, String)>) -> String {
    format!("{team} {row}")
}

async fn remove(Path(place): Path<Place>) -> StatusCode {
    assert!(place.team > 0 && !place.row.is_empty());
    StatusCode::NO_CONTENT
}

async fn check(Validated((Path(_), Query(_))): Validated<(Path<u32>, Query<Page>)>) {}

async fn plain(_: Json<HashMap<String, u32>>) -> NoSchema {
    NoSchema
}

#[routes(name = "rows", collect = never)]
fn rows() -> impl RouteSet {
    let add = operation(add)
        .summary("Adds a row")
        .description("It has *no* limit.")
        .status(201);
    Routes::new()
        .get("/rows", operation(list).tag("tables"))
        .post("/rows", add.response::<String>(409))
        .nest("/teams/{team}", |team| {
            team.get("/rows/{row}", operation(find))
                .delete("/rows/{row}", operation(remove).deprecated())
        })
        .get("/checked/{id}", operation(check).id("check"))
        .get("/files/{*rest}", plain)
        .put(
            "/files/{*rest}",
            plain_operation(plain)
                .output::<Json<Tag>>()
                .summary("Writes"),
        )
        .post("/created", operation(create))
        .delete("/created", operation(clear))
        .get("/hidden", operation(|| async {}).hidden())
        .any("/any", || async {})
}

/// No part of the API.
#[routes(name = "inside", management)]
fn inside() -> impl RouteSet {
    Routes::new().get("/inside", || "a secret")
}

fn app() -> App {
    let app = App::new()
        .supply(Table)
        .with(Rows::default())
        .with(Inside::default())
        .with(OpenApi::default());
    app.with(Health::default())
        .with(AccessLog::default())
        .with(ProxiesPlugin::default())
}

fn document() -> Value {
    run(async {
        let running = boot(app()).await;
        let document: Value = client(&running).get("/openapi.json").await.json();
        running.close().await.unwrap();
        document
    })
}

fn parameter<'a>(operation: &'a Value, name: &str) -> &'a Value {
    let all = operation["parameters"].as_array().unwrap();
    all.iter().find(|it| it["name"] == name).unwrap()
}

const PROBLEM: &str = "#/components/responses/Problem";

/// R66: the document is made of the table of routes.
#[test]
fn the_document_has_every_route_with_what_its_handler_takes_and_returns() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let expected = [
        "/checked/{id}",
        "/created",
        "/files/{rest}",
        "/rows",
        "/teams/{team}/rows/{row}",
    ];
    assert_eq!(
        paths, expected,
        "without hidden ones, probes, and the document itself"
    );

    let add = &document["paths"]["/rows"]["post"];
    assert_eq!(add["summary"], "Adds a row");
    assert_eq!(add["description"], "It has *no* limit.");
    assert_eq!(add["tags"], json!(["rows"]));
    assert_eq!(add["operationId"], "rows.add");
    assert_eq!(add["requestBody"]["required"], true);
    let body = &add["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/Row");
    let created = &add["responses"]["201"];
    assert_eq!(created["description"], "Created");
    let row = &created["content"]["application/json"]["schema"];
    assert_eq!(row["$ref"], "#/components/schemas/RowOutput");
    assert_eq!(
        add["responses"]["409"]["content"],
        json!({"text/plain": {}})
    );
    assert_eq!(add["responses"]["default"]["$ref"], PROBLEM);
    assert_eq!(add["parameters"], Value::Null);
}

#[test]
fn what_is_created_is_a_201_with_the_header_of_its_place_and_what_has_no_content_a_204() {
    let document = document();
    let item = &document["paths"]["/created"];
    let created = &item["post"]["responses"]["201"];
    assert_eq!(
        created["headers"],
        json!({ "location": { "schema": { "type": "string" } } })
    );
    let row = &created["content"]["application/json"]["schema"];
    assert_eq!(row["$ref"], "#/components/schemas/RowOutput");
    assert_eq!(item["post"]["responses"]["default"]["$ref"], PROBLEM);
    assert_eq!(
        item["delete"]["responses"]["204"],
        json!({ "description": "No Content" })
    );
    let add = &document["paths"]["/rows"]["post"]["responses"]["201"];
    assert_eq!(add["headers"], Value::Null);
}

#[test]
fn a_type_that_is_written_differently_has_two_schemas_and_any_other_one() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let names: Vec<&String> = schemas.keys().collect();
    assert_eq!(names, ["Problem", "Row", "RowOutput", "Tag"]);
    let (read, written) = (&schemas["Row"], &schemas["RowOutput"]);
    assert_eq!(read["description"], "A row that a client sends.");
    assert_eq!(read["properties"]["title"]["description"], "Its title.");
    assert_eq!(read["required"], json!(["title"]));
    assert_eq!(read["properties"]["id"], Value::Null);
    assert_eq!(written["properties"]["id"]["type"], "integer");
    let items = &written["properties"]["tags"]["items"];
    assert_eq!(items["$ref"], "#/components/schemas/Tag");
    let list =
        &document["paths"]["/rows"]["get"]["responses"]["200"]["content"]["application/json"];
    assert_eq!(
        list["schema"]["items"]["$ref"],
        "#/components/schemas/RowOutput"
    );
}

#[test]
fn all_references_lead_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref") {
                    let pointer = reference.as_str().unwrap().trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|it| check(it, document));
            }
            Value::Array(items) => items.iter().for_each(|it| check(it, document)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

#[test]
fn parameters_of_paths_and_queries_have_their_types() {
    let document = document();
    let list = &document["paths"]["/rows"]["get"];
    assert_eq!(list["tags"], json!(["tables"]));
    let (size, after) = (parameter(list, "size"), parameter(list, "after"));
    assert_eq!(
        (&size["in"], &size["required"]),
        (&json!("query"), &Value::Null)
    );
    assert_eq!(size["description"], "How many.");
    assert_eq!(size["schema"]["type"], "integer");
    assert_eq!(after["required"], true);

    let item = &document["paths"]["/teams/{team}/rows/{row}"];
    for method in ["get", "delete"] {
        let (team, row) = (
            parameter(&item[method], "team"),
            parameter(&item[method], "row"),
        );
        assert_eq!(
            (&team["in"], &team["required"]),
            (&json!("path"), &json!(true))
        );
        assert_eq!(team["schema"]["type"], "integer", "{method}");
        assert_eq!(row["schema"]["type"], "string", "{method}");
    }
    assert_eq!(item["delete"]["deprecated"], true);
    assert!(item["delete"]["responses"]["2XX"].is_object());
    assert_eq!(
        item["get"]["responses"]["200"]["content"],
        json!({"text/plain": {}})
    );
}

#[test]
fn validated_arguments_are_described_by_their_sources() {
    let document = document();
    let check = &document["paths"]["/checked/{id}"]["get"];
    assert_eq!(check["operationId"], "check");
    assert_eq!(parameter(check, "id")["schema"]["type"], "integer");
    assert_eq!(parameter(check, "after")["in"], "query");
    assert_eq!(check["responses"]["422"]["$ref"], PROBLEM);
    assert_eq!(check["responses"]["200"], json!({"description": "OK"}));
}

#[test]
fn a_handler_with_types_without_schemas_is_in_the_document_all_the_same() {
    let document = document();
    let files = &document["paths"]["/files/{rest}"];
    let get = &files["get"];
    assert_eq!(parameter(get, "rest")["schema"], json!({"type": "string"}));
    assert_eq!(get["requestBody"], Value::Null);
    assert!(get["responses"]["2XX"].is_object());
    assert_eq!(get["operationId"], "rows.plain");
    let put = &files["put"];
    assert_eq!(put["operationId"], "rows.plain_2");
    assert_eq!(put["summary"], "Writes");
    let schema = &put["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/Tag");
}

#[test]
fn a_described_handler_is_named_and_called_as_itself() {
    run(async {
        let running = boot(app()).await;
        let web = running.try_get::<State<Web>>().unwrap();
        let table = web.routes().to_string();
        assert!(table.contains("list(State<Table>)"), "{table}");
        let undescribed: Vec<String> = web
            .routes()
            .routes()
            .iter()
            .filter(|route| route.plugin == "rows" && !route.is_described())
            .map(|route| route.path.clone())
            .collect();
        assert_eq!(undescribed, ["/files/{*rest}", "/any"]);
        let client = client(&running);
        let row = json!({"title": "a"});
        client.post("/rows").json(&row).await.assert_status(201);
        client.get("/teams/7/rows/x").await.assert_text("7 x");
        running.close().await.unwrap();
    });
}

#[test]
fn title_version_and_format_of_problems_are_those_of_the_app() {
    run(async {
        let configuration = Configuration::new()
            .set("openapi.title", "Rows")
            .set("openapi.version", "2.1.0");
        let web = WebPlugin::default().errors(bootstrap_web::Format::Message);
        let app = App::new()
            .with(OpenApi::default())
            .with(web)
            .configure(configuration);
        let running = app.boot().await.unwrap();
        let document: Value = client(&running).get("/openapi.json").await.json();
        assert_eq!(
            document["info"],
            json!({"title": "Rows", "version": "2.1.0"})
        );
        let problem = &document["components"]["schemas"]["Problem"];
        assert_eq!(problem["required"], json!(["message"]));
        running.close().await.unwrap();
    });
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    with_client(app(), async |client| {
        let page = client.get("/docs").await;
        page.assert_status(200)
            .assert_header("content-type", "text/html; charset=utf-8");
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{policy}"
        );
        let mut texts = vec![page.text()];
        for (path, kind) in [
            ("/docs/page.js", "text/javascript; charset=utf-8"),
            ("/docs/page.css", "text/css; charset=utf-8"),
        ] {
            let file = client.get(path).await;
            file.assert_status(200).assert_header("content-type", kind);
            assert!(
                texts[0].contains(path.trim_start_matches('/')),
                "{path} is not used"
            );
            texts.push(file.text());
        }
        client
            .get("/docs/icon.svg")
            .await
            .assert_status(200)
            .assert_header("content-type", "image/svg+xml");
        for text in texts {
            for part in ["http:", "https:", "innerHTML", "eval("] {
                assert!(!text.contains(part), "{part}");
            }
        }
    });
}

#[test]
fn a_key_disables_document_and_page() {
    let configuration = Configuration::new().set("openapi.enabled", false);
    with_client(app().configure(configuration), async |client| {
        client.get("/openapi.json").await.assert_status(404);
        client.get("/docs").await.assert_status(404);
    });
}

#[test]
fn hooks_of_global_sets_protect_the_document() {
    #[routes(global, collect = never)]
    fn locked() -> impl RouteSet {
        Routes::new().before_handle(|| Err::<(), _>(Problem::unauthorized()))
    }
    with_client(app().with(Locked::default()), async |client| {
        client.get("/openapi.json").await.assert_status(401);
        client.get("/docs").await.assert_status(401);
    });
}
