//! A set of 300 routes, half of them behind a hook, compiles without a raised recursion limit.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]
#![allow(clippy::needless_pass_by_value, reason = "handlers take values")]

use bootstrap::prelude::*;
use bootstrap_web::axum::body::to_bytes;
use bootstrap_web::prelude::*;

#[supplied]
struct Rows(u32);

#[supplied]
struct Columns(u32);

struct User(&'static str);

async fn authenticate() -> Give<User> {
    Give(User("ada"))
}

async fn head<const N: u32>(rows: State<Rows>, uri: Uri, headers: HeaderMap) -> String {
    format!("{N} {} {uri} {}", rows.0, headers.len())
}

async fn path<const N: u32>(
    rows: State<Rows>,
    columns: Option<State<Columns>>,
    Path(id): Path<u32>,
) -> Result<String, Problem> {
    let columns = columns.ok_or_else(Problem::not_found)?;
    Ok(format!("{N} {} {} {id}", rows.0, columns.0))
}

async fn body<const N: u32>(
    rows: State<Rows>,
    columns: State<Columns>,
    method: Method,
    Json(body): Json<Vec<u32>>,
) -> Json<u32> {
    let added = if method == Method::POST {
        body.len()
    } else {
        0
    };
    Json(N + rows.0 + columns.0 + u32::try_from(added).unwrap())
}

fn at_once<const N: u32>(rows: State<Rows>, columns: State<Columns>, _: Uri) -> Html<String> {
    Html(format!("{N} {} {}", rows.0, columns.0))
}

async fn given<const N: u32>(user: Given<User>, rows: State<Rows>, id: Path<u32>) -> String {
    format!("{N} {} {} {}", user.0, rows.0, id.0)
}

/// Ten routes for each number.
macro_rules! tens {
    ($set:expr, $last:ident, $($number:literal)*) => {
        $set$(
            .get(concat!("/", $number, "/0"), head::<$number>)
            .get(concat!("/", $number, "/1/{id}"), path::<$number>)
            .post(concat!("/", $number, "/2"), body::<$number>)
            .get(concat!("/", $number, "/3"), at_once::<$number>)
            .put(concat!("/", $number, "/4"), head::<$number>)
            .put(concat!("/", $number, "/5/{id}"), path::<$number>)
            .put(concat!("/", $number, "/6"), body::<$number>)
            .get(concat!("/", $number, "/7/{id}"), $last::<$number>)
            .put(concat!("/", $number, "/8/{id}"), $last::<$number>)
            .any(concat!("/", $number, "/9/{id}"), $last::<$number>)
        )*
    };
}

#[routes]
fn api() -> impl RouteSet {
    let front = tens!(Routes::new(), path, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    tens!(
        front.before_handle(authenticate),
        given,
        15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
    )
}

#[tokio::test]
async fn a_set_of_300_routes_compiles_and_serves() -> Result<()> {
    let app = App::new()
        .supply(Rows(1))
        .supply(Columns(2))
        .with(Api::default());
    let running = app.with(WebPlugin::default()).boot().await?;
    let web = running.try_get::<State<Web>>()?;
    assert_eq!(web.routes().routes().len(), 300);

    let request = Request::get("/29/7/5").body(Body::empty())?;
    let response = web.handle(request).await;
    let text = to_bytes(response.into_body(), 100).await?;
    assert_eq!(text, "29 ada 1 5");
    running.close().await?;
    Ok(())
}
