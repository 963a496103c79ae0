//! Hooks: position, scope, what they give, what they require.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bootstrap::RequestState;
use bootstrap::prelude::*;
use bootstrap_web::axum;
use bootstrap_web::prelude::*;

use crate::support::{boot_error, with_client, with_set};

static TRACE: RequestState<Vec<String>> = RequestState::named("trace");

/// Notes a stage; `reveal` shows all of a request in a header.
fn note(stage: &str) {
    let mut trace = TRACE.get().map(|it| (*it).clone()).unwrap_or_default();
    trace.push(stage.to_owned());
    TRACE.set(trace).unwrap();
}

fn reveal(mut response: Response) -> Response {
    let trace = TRACE.get().map(|it| it.join(",")).unwrap_or_default();
    response
        .headers_mut()
        .insert("x-trace", HeaderValue::try_from(trace).unwrap());
    response
}

#[routes(collect = never)]
fn positions() -> impl RouteSet {
    let ok = || {
        note("handler");
        "ok"
    };
    Routes::new()
        .before_response(reveal)
        .get("/none", ok)
        .before_handle(|| note("a"))
        .get("/a", ok)
        .group(|group| {
            let group = group
                .before_handle(|| note("in the group"))
                .get("/group", ok);
            group.nest("/nest", |nest| {
                nest.before_handle(|| note("nest")).get("/x", ok)
            })
        })
        .before_handle(async || note("b"))
        .get("/a/b", ok)
}

/// R47, R48, R49: the hooks of a route are those in front of it, and a group's end with it.
#[test]
fn a_hook_applies_to_the_routes_behind_it_in_its_group() {
    with_set(Positions::default(), async |client| {
        for (path, trace) in [
            ("/none", "handler"),
            ("/a", "a,handler"),
            ("/group", "a,in the group,handler"),
            ("/nest/x", "a,in the group,nest,handler"),
            ("/a/b", "a,b,handler"),
        ] {
            client.get(path).await.assert_header("x-trace", trace);
        }
    });
}

#[routes(name = "first", global, collect = never)]
fn first() -> impl RouteSet {
    Routes::new()
        .before_response(reveal)
        .before_handle(|| note("first"))
        .get("/first", || "first")
        .before_handle(|| note("last of first"))
}

#[routes(name = "second", global, after = [First], collect = never)]
fn second() -> impl RouteSet {
    Routes::new().before_handle(|| note("second"))
}

#[routes(name = "api", collect = never)]
fn api() -> impl RouteSet {
    Routes::new()
        .before_handle(|| note("api"))
        .get("/api", || "api")
}

/// R12: global hooks run in the order of the plan, around the hooks of each set.
#[test]
fn global_hooks_apply_to_all_sets_in_the_order_of_the_plan() {
    let app = App::new()
        .with(Api::default())
        .with(Second::default())
        .with(First::default());
    with_client(app, async |client| {
        let trace = "first,last of first,second,api";
        client
            .get("/api")
            .await
            .assert_status(200)
            .assert_header("x-trace", trace);
        // Its own routes have the hooks in front of them, and those of other global sets.
        let trace = "second,first";
        client.get("/first").await.assert_header("x-trace", trace);
    });
}

/// A request without a route is a problem for global hooks alone.
#[test]
fn global_hooks_see_requests_without_a_route() {
    #[routes(collect = never, global)]
    fn reports() -> impl RouteSet {
        Routes::new().on_error(|problem: Arc<Problem>| {
            let path = RequestContext::current().map(|it| it.uri().path().to_owned());
            let path = path.unwrap_or_default();
            Some((problem.status(), format!("reported {path}")).into_response())
        })
    }
    let app = App::new().with(Api::default()).with(Reports::default());
    with_client(app, async |client| {
        client
            .get("/nowhere")
            .await
            .assert_status(404)
            .assert_text("reported /nowhere");
        client
            .post("/api")
            .await
            .assert_status(405)
            .assert_text("reported /api");
    });
}

/// A layer of a global set is around every response: of routes, of problems, and of requests without a
/// route.
#[test]
fn a_layer_of_a_global_set_is_around_all_responses() {
    #[routes(collect = never, global)]
    fn headers() -> impl RouteSet {
        let mark = |mut response: Response| async move {
            response
                .headers_mut()
                .insert("x-mark", HeaderValue::from_static("1"));
            response
        };
        Routes::new().layer(axum::middleware::map_response(mark))
    }

    #[routes(collect = never)]
    fn answers() -> impl RouteSet {
        Routes::new()
            .get("/ok", || "ok")
            .get("/fails", Problem::conflict)
    }
    let app = App::new().with(Answers::default()).with(Headers::default());
    with_client(app, async |client| {
        client
            .get("/ok")
            .await
            .assert_status(200)
            .assert_header("x-mark", "1");
        client
            .get("/fails")
            .await
            .assert_status(409)
            .assert_header("x-mark", "1");
        client
            .get("/nowhere")
            .await
            .assert_status(404)
            .assert_header("x-mark", "1");
        let response = client.post("/ok").await;
        response.assert_status(405).assert_header("x-mark", "1");
        response.assert_header("allow", "GET,HEAD");
    });
}

#[routes(collect = never)]
fn early() -> impl RouteSet {
    Routes::new().on_request(|| None::<Response>)
}

/// What runs for all requests is in a set for all.
#[test]
fn an_on_request_hook_in_a_set_that_is_not_global_is_an_error_of_the_boot() {
    let text = boot_error(App::new().with(Early::default()));
    assert!(text.contains("write `#[routes(global)]`"), "{text}");
}

#[routes(collect = never, global)]
fn gate() -> impl RouteSet {
    Routes::new()
        .on_request(async |uri: Uri, headers: HeaderMap| {
            let is_blocked = headers.contains_key("x-blocked") && uri.path() == "/api";
            is_blocked.then_some(StatusCode::IM_A_TEAPOT)
        })
        .on_request(|| {
            // R38: there is no request context yet, but values can be set.
            assert!(RequestContext::current().is_err());
            note("on_request");
        })
        .before_response(reveal)
}

/// R37, R38: an answer of `on_request` skips routing and every other hook.
#[test]
fn an_answer_of_an_on_request_hook_skips_all_others() {
    let app = App::new().with(Gate::default()).with(Api::default());
    with_client(app, async |client| {
        let response = client.get("/api").header("x-blocked", "1").await;
        response.assert_status(418);
        assert_eq!(response.header("x-trace"), None);
        client
            .get("/api")
            .await
            .assert_header("x-trace", "on_request,api");
    });
}

struct User(String);
struct Session(u32);

async fn authenticate(headers: HeaderMap) -> Result<Give<User>, Problem> {
    let user = headers.get("x-user").ok_or_else(Problem::unauthorized)?;
    Ok(Give(User(user.to_str()?.to_owned())))
}

fn session(user: Given<User>) -> Give<Session> {
    Give(Session(u32::try_from(user.0.len()).unwrap()))
}

#[routes(collect = never)]
fn giving() -> impl RouteSet {
    Routes::new()
        .before_handle(authenticate)
        .before_handle(session)
        .get("/me", |user: Given<User>, session: Given<Session>| {
            let far_away = RequestState::<User>::new().get().unwrap();
            assert!(Arc::ptr_eq(&far_away, &user.clone().into_arc()));
            format!("{} {}", user.0, session.0)
        })
}

/// A hook gives values to the hooks and routes behind it; its error is the answer.
#[test]
fn a_hook_gives_values_to_what_is_behind_it() {
    with_set(Giving::default(), async |client| {
        client
            .get("/me")
            .header("x-user", "ada")
            .await
            .assert_text("ada 3");
        client.get("/me").await.assert_status(401);
    });
}

mod elsewhere {
    use super::*;

    #[routes(gives = [User, Session], collect = never)]
    pub(super) fn sessions() -> impl RouteSet {
        let inner = |group: Routes<_>| group.before_handle(|| note("not for others"));
        Routes::new()
            .before_response(reveal)
            .before_handle(authenticate)
            .before_handle(session)
            .group(inner)
    }
}

#[routes(collect = never)]
fn private() -> impl RouteSet {
    Routes::behind::<elsewhere::Sessions>()
        .before_handle(|| note("private"))
        .get("/private", |user: Given<User>, session: Given<Session>| {
            format!("{} {}", user.0, session.0)
        })
}

/// A set may be behind the hooks of another one, which becomes a requirement.
#[test]
fn a_set_is_behind_the_hooks_of_another() {
    let app = || App::new().with(Private::default());
    with_client(app().with(elsewhere::Sessions::default()), async |client| {
        client.get("/private").await.assert_status(401);
        let response = client.get("/private").header("x-user", "ada").await;
        response
            .assert_text("ada 3")
            .assert_header("x-trace", "private");
    });
    let text = boot_error(app());
    assert!(
        text.contains("argument `Port<HooksOf<Sessions>>` of `Sessions`"),
        "{text}"
    );
}

#[supplied]
struct Count(AtomicU32);

#[routes(collect = never)]
fn counted() -> impl RouteSet {
    Routes::new()
        .before_handle(|count: State<Count>| {
            count.0.fetch_add(1, Ordering::Relaxed);
        })
        .before_response(async |response: Response, count: State<Count>| {
            count.0.fetch_add(10, Ordering::Relaxed);
            response
        })
        .on_error(async |_: Arc<Problem>, count: State<Count>| {
            count.0.fetch_add(100, Ordering::Relaxed);
        })
        .get("/ok", || "ok")
        .get("/fails", Problem::bad_request)
}

/// Hooks of every kind take states.
#[test]
fn hooks_of_every_kind_take_states() {
    crate::support::run(async {
        let app = App::new()
            .supply(Count(AtomicU32::new(0)))
            .with(Counted::default());
        let running = crate::support::boot(app).await;
        let count: State<Count> = running.try_get().unwrap();
        let client = crate::support::client(&running);
        client.get("/ok").await.assert_status(200);
        assert_eq!(count.0.load(Ordering::Relaxed), 11);
        client.get("/fails").await.assert_status(400);
        assert_eq!(count.0.load(Ordering::Relaxed), 112);
        running.close().await.unwrap();
    });
}

/// A hook behind the handler may replace the response.
#[test]
fn a_response_is_replaced() {
    #[routes(collect = never)]
    fn replaced() -> impl RouteSet {
        let replace = |response: Response| (StatusCode::CREATED, response.into_body());
        Routes::new().before_response(replace).get("/", || "body")
    }
    with_set(Replaced::default(), async |client| {
        client.get("/").await.assert_status(201).assert_text("body");
    });
}
