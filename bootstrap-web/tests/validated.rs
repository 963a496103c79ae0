//! R56, R57: values of several sources are checked at once, with the rules of any library.

use bootstrap::prelude::*;
use bootstrap_web::axum::extract::FromRequestParts;
use bootstrap_web::axum::http::request::Parts;
use bootstrap_web::prelude::*;
use bootstrap_web::testing::{Client, TestResponse};
use bootstrap_web::{Check, Issues, Source};
use garde::Validate;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, Validate)]
struct Place {
    #[garde(range(max = 100))]
    shop: u32,
}

#[derive(Deserialize, Validate)]
struct Page {
    #[garde(range(min = 1))]
    page: u32,
    #[garde(range(max = 50))]
    size: u32,
}

#[derive(Deserialize, Validate)]
struct Order {
    #[garde(length(min = 1), ascii)]
    name: String,
    #[garde(dive)]
    address: Address,
    #[garde(length(min = 1), dive)]
    #[serde(default = "one")]
    items: Vec<Item>,
    #[garde(skip)]
    #[serde(default)]
    kind: Kind,
}

fn one() -> Vec<Item> {
    vec![Item { count: 1 }]
}

#[derive(Deserialize, Validate)]
struct Address {
    #[garde(length(min = 2))]
    city: String,
}

#[derive(Deserialize, Validate)]
struct Item {
    #[garde(range(min = 1))]
    count: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Usual,
    Express,
}

/// Rules by hand, without a library.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    first: u32,
    last: u32,
}

impl Check for Period {
    fn check(&self, issues: &mut Issues) {
        if self.first > self.last {
            issues.add("last", "is before `first`");
        }
    }
}

/// A source that is not one of axum's.
struct Tenant(String);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let tenant = parts.headers.get("x-tenant");
        let tenant = tenant.and_then(|tenant| tenant.to_str().ok());
        match tenant.ok_or_else(|| Problem::bad_request().detail("`x-tenant` is missing"))? {
            "banned" => Err(Problem::forbidden().detail("banned")),
            tenant => Ok(Self(tenant.to_owned())),
        }
    }
}

impl Check for Tenant {
    fn check(&self, issues: &mut Issues) {
        if self.0.len() > 5 {
            issues.add("x-tenant", "is too long");
        }
    }
}

impl Source for Tenant {
    const NAME: &'static str = "headers";
    type Value = Self;

    fn value(&self) -> &Self {
        self
    }
}

async fn order(
    Validated((Path(place), Query(page), Json(order))): Validated<(
        Path<Place>,
        Query<Page>,
        Json<Order>,
    )>,
) -> String {
    let count: u32 = order.items.iter().map(|item| item.count).sum();
    let place = (place.shop, page.page, page.size, order.address.city);
    let is_express = matches!(order.kind, Kind::Express);
    format!("{place:?} {} {count} {is_express}", order.name)
}

type Heads = (Path<(u32, String)>, Query<Page>);

/// In front of another argument: it is all in the head.
async fn head(
    Validated((Path((shop, name)), Query(page))): Validated<Heads>,
    body: String,
) -> String {
    format!("{shop} {name} {} {body}", page.page)
}

#[routes(collect = never)]
fn shops() -> impl RouteSet {
    Routes::new()
        .post("/orders/{shop}", order)
        .post("/heads/{shop}/{name}", head)
        .post(
            "/json",
            async |Validated(Json(order)): Validated<Json<Order>>| order.name,
        )
        .post(
            "/form",
            async |Validated(Form(period)): Validated<Form<Period>>| period.last.to_string(),
        )
        .get(
            "/form",
            async |Validated(Form(period)): Validated<Form<Period>>| period.last.to_string(),
        )
        .post(
            "/strict",
            async |Validated(Json(period)): Validated<Json<Period>>| period.last.to_string(),
        )
        .post(
            "/numbers/{id}",
            async |Validated((Path(id), Json(list))): Validated<(Path<u64>, Json<Period>)>| {
                format!("{id} {}", list.last)
            },
        )
        .get(
            "/tenant",
            async |Validated((tenant, Query(page))): Validated<(Tenant, Query<Page>)>| {
                format!("{} {}", tenant.0, page.page)
            },
        )
        .body_limit(100)
        .post(
            "/small/{id}",
            async |Validated((_, _)): Validated<(Path<u64>, Json<Order>)>| "ok",
        )
}

async fn with_client(test: impl AsyncFnOnce(Client)) {
    let app = App::only(Shops::default()).with(WebPlugin::default());
    let running = app.boot().await.expect("boots");
    let web = running.try_get::<State<Web>>().expect("the web");
    test(web.client()).await;
    running.close().await.expect("closes");
}

#[track_caller]
fn assert_issues(response: &TestResponse, status: u16, issues: &[(&str, &str, &str)]) {
    response
        .assert_status(status)
        .assert_header("content-type", "application/problem+json");
    let found = response.json::<Value>();
    let expected: Vec<Value> = issues
        .iter()
        .map(
            |(source, path, message)| json!({ "source": source, "path": path, "message": message }),
        )
        .collect();
    assert_eq!(found["issues"], json!(expected), "{found}");
    assert!(!response.text().contains("secret"), "{found}");
}

fn valid() -> Value {
    json!({ "name": "ada", "address": { "city": "rome" }, "items": [{ "count": 3 }] })
}

#[tokio::test]
async fn valid_values_come_out() {
    with_client(async |client| {
        let request = client.post("/orders/7?page=2&size=10");
        let response = request.json(&valid()).await;
        response
            .assert_status(200)
            .assert_text(r#"(7, 2, 10, "rome") ada 3 false"#);
        let request = client.post("/heads/7/a%20b?page=2&size=10");
        request.body("text").await.assert_text("7 a b 2 text");
        let request = client.post("/numbers/7");
        request
            .json(&json!({ "first": 1, "last": 2 }))
            .await
            .assert_text("7 2");
        client
            .post("/form")
            .form([("first", "1"), ("last", "2")])
            .await
            .assert_text("2");
        client.get("/form?first=1&last=2").await.assert_text("2");
    })
    .await;
}

/// R56: broken rules of three sources, in the order of the tuple; `garde` checks what it dives into first.
#[tokio::test]
async fn issues_of_all_sources_are_found_at_once() {
    with_client(async |client| {
        let order = json!({
            "name": "",
            "address": { "city": "x" },
            "items": [{ "count": 1 }, { "count": 0 }],
        });
        let response = client.post("/orders/700?page=0&size=51").json(&order).await;
        assert_issues(
            &response,
            422,
            &[
                ("path", "shop", "greater than 100"),
                ("query", "page", "lower than 1"),
                ("query", "size", "greater than 50"),
                ("json", "address.city", "length is lower than 2"),
                ("json", "items[1].count", "lower than 1"),
                ("json", "name", "length is lower than 1"),
            ],
        );
        let problem = response.json::<Value>();
        assert_eq!(problem["title"], "Unprocessable Entity");
        assert_eq!(problem["detail"], "6 issues");
    })
    .await;
}

/// A source that can't be read is an issue beside broken rules, and its value is not repeated.
#[tokio::test]
async fn sources_that_cannot_be_read_are_issues_beside_the_others() {
    with_client(async |client| {
        let mut order = valid();
        order["address"] = json!({ "town": "secret" });
        let response = client
            .post("/orders/secret?page=0&size=2")
            .json(&order)
            .await;
        let of_head = [
            (
                "path",
                "shop",
                "expected a whole number from 0 to 4294967295",
            ),
            ("query", "page", "lower than 1"),
        ];
        assert_issues(
            &response,
            422,
            &[&of_head[..], &[("json", "address.city", "is missing")]].concat(),
        );

        order["address"] = json!({ "city": ["secret"] });
        let response = client
            .post("/orders/secret?page=0&size=2")
            .json(&order)
            .await;
        let wrong = ("json", "address.city", "expected a string");
        assert_issues(&response, 422, &[&of_head[..], &[wrong]].concat());

        // The status of these counts only if nothing else is wrong.
        let request = client.post("/orders/secret?page=0&size=2").body("secret");
        let wrong = (
            "json",
            "",
            "Expected request with `Content-Type: application/json`",
        );
        assert_issues(&request.await, 422, &[&of_head[..], &[wrong]].concat());
        let request = client.post("/small/secret").json(&"secret".repeat(100));
        let long = (
            "json",
            "",
            "Failed to buffer the request body: length limit exceeded",
        );
        assert_issues(
            &request.await,
            422,
            &[("path", "id", "expected a whole number of 0 or more"), long],
        );
    })
    .await;
}

#[tokio::test]
async fn a_path_or_a_query_that_cannot_be_read_is_a_422() {
    with_client(async |client| {
        let heads = async |path: &str| client.post(path).await;
        let response = heads("/heads/secret/a?page=1&size=1").await;
        assert_issues(
            &response,
            422,
            &[(
                "path",
                "shop",
                "expected a whole number from 0 to 4294967295",
            )],
        );
        let response = heads("/heads/7/%FF?page=secret&size=1").await;
        let digits = ("query", "page", "invalid digit found in string");
        assert_issues(
            &response,
            422,
            &[("path", "name", "is not valid UTF-8"), digits],
        );
        let response = heads("/heads/7/a?page=1").await;
        assert_issues(&response, 422, &[("query", "size", "is missing")]);
        let response = client
            .post("/numbers/secret")
            .json(&json!({ "first": 1, "last": 2 }))
            .await;
        assert_issues(
            &response,
            422,
            &[("path", "id", "expected a whole number of 0 or more")],
        );
    })
    .await;
}

/// 400, 413 and 415 stay what they are if nothing else is wrong.
#[tokio::test]
async fn a_body_that_is_no_value_keeps_its_status() {
    with_client(async |client| {
        let json = |path: &str, body: &str| {
            let request = client.post(path).header("content-type", "application/json");
            request.body(body.to_owned())
        };
        let response = json("/json", "").await;
        let empty = "malformed JSON: EOF while parsing a value at line 1 column 0";
        assert_issues(&response, 400, &[("json", "", empty)]);
        assert_eq!(response.json::<Value>()["detail"], "1 issue");
        let response = json("/json", r#"{"name": secret"#).await;
        let malformed = "malformed JSON: expected value at line 1 column 10";
        assert_issues(&response, 400, &[("json", "", malformed)]);
        let response = json("/strict", r#"{"first": 1, "last": 2} secret"#).await;
        let trailing = "malformed JSON: trailing characters at line 1 column 25";
        assert_issues(&response, 400, &[("json", "", trailing)]);

        let response = client.post("/json").await;
        let wanted = "Expected request with `Content-Type: application/json`";
        assert_issues(&response, 415, &[("json", "", wanted)]);
        let response = client.post("/json").form([("name", "secret")]).await;
        assert_issues(&response, 415, &[("json", "", wanted)]);
        let response = client
            .post("/form")
            .json(&json!({ "first": "secret" }))
            .await;
        let wanted = "Form requests must have `Content-Type: application/x-www-form-urlencoded`";
        assert_issues(&response, 415, &[("form", "", wanted)]);

        let response = client.post("/small/7").json(&"secret".repeat(100)).await;
        let long = "Failed to buffer the request body: length limit exceeded";
        assert_issues(&response, 413, &[("json", "", long)]);
    })
    .await;
}

/// One value of each kind that serde repeats in its errors.
#[tokio::test]
async fn values_are_not_repeated() {
    with_client(async |client| {
        let order = async |change: Value| {
            let mut order = valid();
            let changed = order.as_object_mut().expect("an object");
            changed.extend(change.as_object().expect("an object").clone());
            client.post("/json").json(&order).await
        };
        let response = order(json!({ "kind": "secret" })).await;
        assert_issues(
            &response,
            422,
            &[("json", "kind", "expected `usual` or `express`")],
        );
        let response = order(json!({ "items": [{ "count": -5 }] })).await;
        assert_issues(
            &response,
            422,
            &[(
                "json",
                "items[0].count",
                "expected a whole number from 0 to 4294967295",
            )],
        );
        let response = order(json!({ "items": [{ "count": "secret, expected secret" }] })).await;
        assert_issues(
            &response,
            422,
            &[(
                "json",
                "items[0].count",
                "expected a whole number from 0 to 4294967295",
            )],
        );

        let form = async |first: &str| {
            client
                .post("/form")
                .form([("first", first), ("last", "1")])
                .await
        };
        let digits = "invalid digit found in string";
        assert_issues(&form("secret").await, 422, &[("form", "first", digits)]);
        assert_issues(
            &form("2").await,
            422,
            &[("form", "last", "is before `first`")],
        );
        let response = client.get("/form?first=secret&last=1").await;
        assert_issues(&response, 422, &[("form", "first", digits)]);
        let response = client.get("/form?first=1&last=1&first=secret").await;
        assert_issues(
            &response,
            422,
            &[("form", "first", "is there more than once")],
        );
    })
    .await;
}

/// R57: rules by hand.
#[tokio::test]
async fn rules_need_no_library() {
    with_client(async |client| {
        let strict = async |body: Value| client.post("/strict").json(&body).await;
        let response = strict(json!({ "first": 2, "last": 1 })).await;
        assert_issues(&response, 422, &[("json", "last", "is before `first`")]);
        let response = strict(json!({ "first": 1, "last": 1, "more": "secret" })).await;
        let unknown = "is unknown, expected `first` or `last`";
        assert_issues(&response, 422, &[("json", "more", unknown)]);
    })
    .await;
}

/// R56, headers: a source that is not one of axum's, and whose refusal may be an answer at once.
#[tokio::test]
async fn extractors_of_the_user_are_sources() {
    with_client(async |client| {
        let tenant = |name: &str, query: &str| {
            let request = client.get(&format!("/tenant?{query}"));
            request.header("x-tenant", name)
        };
        tenant("acme", "page=1&size=1").await.assert_text("acme 1");
        let long = ("headers", "x-tenant", "is too long");
        let response = tenant("initech", "page=1&size=99").await;
        assert_issues(
            &response,
            422,
            &[long, ("query", "size", "greater than 50")],
        );
        let missing = ("headers", "", "`x-tenant` is missing");
        let response = client.get("/tenant?page=1").await;
        assert_issues(&response, 422, &[missing, ("query", "size", "is missing")]);
        let response = client.get("/tenant?page=1&size=1").await;
        assert_issues(&response, 400, &[missing]);
        let response = tenant("banned", "page=0").await;
        response.assert_status(403);
        assert_eq!(response.json::<Value>().get("issues"), None);
    })
    .await;
}
