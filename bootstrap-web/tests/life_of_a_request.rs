//! One request through every combination of what its hooks and its handler may do, against a model.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "handlers own their arguments; tests say what is wrong by failing"
)]

use std::sync::{Arc, Mutex};

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::testing::Client;

/// What a stage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Pass,
    /// Answers in place of what is behind it.
    Answer,
    Fail,
    Panic,
}

use Does::{Answer, Fail, Panic, Pass};

/// What each stage does in one request.
#[derive(Clone, Copy, Debug)]
struct Case {
    on_request: Does,
    before: [Does; 2],
    handler: Does,
    after: [Does; 2],
    error: [Does; 2],
}

/// The case of the present request, and which stages it has passed.
#[supplied]
struct Desk {
    case: Mutex<Option<Case>>,
    trace: Mutex<Vec<&'static str>>,
}

impl Desk {
    /// Notes a stage, and returns what it does.
    fn at(&self, stage: &'static str, does: impl Fn(&Case) -> Does) -> Does {
        self.trace.lock().unwrap().push(stage);
        does(self.case.lock().unwrap().as_ref().unwrap())
    }
}

/// A hook in front of the handler.
fn front(does: Does, answer: StatusCode) -> Result<Option<Response>, Problem> {
    match does {
        Pass => Ok(None),
        Answer => Ok(Some(answer.into_response())),
        Fail => Err(Problem::conflict()),
        Panic => panic!("as told"),
    }
}

fn behind(does: Does, response: Response) -> Result<Response, Problem> {
    match does {
        Pass => Ok(response),
        Answer => Ok(StatusCode::CREATED.into_response()),
        Fail => Err(Problem::gone()),
        Panic => panic!("as told"),
    }
}

fn for_errors(does: Does) -> Option<Response> {
    match does {
        Pass => None,
        Answer => Some(StatusCode::IM_A_TEAPOT.into_response()),
        Fail => Some(Problem::too_many_requests().into_response()),
        Panic => panic!("as told"),
    }
}

#[routes(name = "around", global, collect = never)]
fn around() -> impl RouteSet {
    Routes::new()
        .on_request(async |desk: State<Desk>| {
            front(
                desk.at("on_request", |it| it.on_request),
                StatusCode::ACCEPTED,
            )
        })
        .before_handle(async |desk: State<Desk>| {
            front(desk.at("before 0", |it| it.before[0]), StatusCode::FOUND)
        })
        .before_response(async |response: Response, desk: State<Desk>| {
            behind(desk.at("after 0", |it| it.after[0]), response)
        })
        .on_error(async |_: Arc<Problem>, desk: State<Desk>| {
            for_errors(desk.at("error 0", |it| it.error[0]))
        })
}

// The same hooks without `async`.
#[routes(name = "api", collect = never)]
fn api() -> impl RouteSet {
    Routes::new()
        .before_handle(|desk: State<Desk>| {
            front(
                desk.at("before 1", |it| it.before[1]),
                StatusCode::SEE_OTHER,
            )
        })
        .before_response(|response: Response, desk: State<Desk>| {
            behind(desk.at("after 1", |it| it.after[1]), response)
        })
        .on_error(|_: Arc<Problem>, desk: State<Desk>| {
            for_errors(desk.at("error 1", |it| it.error[1]))
        })
        .get("/", async |desk: State<Desk>| {
            match desk.at("handler", |it| it.handler) {
                Pass | Answer => Ok(StatusCode::OK),
                Fail => Err(Problem::forbidden()),
                Panic => panic!("as told"),
            }
        })
}

/// What a stage in front of the response leads to.
enum Then {
    On,
    Out(u16),
    Error(u16),
}

fn then(does: Does, answer: u16, problem: u16) -> Then {
    match does {
        Pass => Then::On,
        Answer => Then::Out(answer),
        Fail => Then::Error(problem),
        Panic => Then::Error(500),
    }
}

/// The stages that a request passes, and the status of its response.
fn model(case: Case) -> (Vec<&'static str>, u16) {
    let mut trace = vec!["on_request"];
    match then(case.on_request, 202, 409) {
        Then::On => {}
        Then::Out(status) => return (trace, status),
        // There is no route yet, so no hooks but the global ones.
        Then::Error(problem) => {
            let status = errors(&mut trace, problem, &case.error[..1]);
            return (trace, status);
        }
    }
    let front = [
        ("before 0", then(case.before[0], 302, 409)),
        ("before 1", then(case.before[1], 303, 409)),
        ("handler", then(case.handler, 200, 403)),
    ];
    let mut answer = Ok(200);
    for (stage, then) in front {
        trace.push(stage);
        answer = match then {
            Then::On => continue,
            Then::Out(status) => Ok(status),
            Then::Error(problem) => Err(problem),
        };
        break;
    }
    for (place, stage) in ["after 0", "after 1"].into_iter().enumerate() {
        let Ok(before) = answer else { break };
        trace.push(stage);
        answer = match then(case.after[place], 201, 410) {
            Then::On => Ok(before),
            Then::Out(status) => Ok(status),
            Then::Error(problem) => Err(problem),
        };
    }
    let status = answer.unwrap_or_else(|problem| errors(&mut trace, problem, &case.error));
    (trace, status)
}

fn errors(trace: &mut Vec<&'static str>, problem: u16, hooks: &[Does]) -> u16 {
    for (stage, does) in ["error 0", "error 1"].into_iter().zip(hooks) {
        trace.push(stage);
        match does {
            Pass | Panic => {}
            Answer => return 418,
            Fail => return 429,
        }
    }
    problem
}

#[allow(clippy::verbose_bit_mask, reason = "two bits are one stage")]
fn cases() -> Vec<Case> {
    const ALL: [Does; 4] = [Pass, Answer, Fail, Panic];
    let mut cases = Vec::new();
    for bits in 0..1 << 16 {
        let does = |place: usize| ALL[bits >> (2 * place) & 3];
        let case = Case {
            on_request: does(0),
            before: [does(1), does(2)],
            handler: does(3),
            after: [does(4), does(5)],
            error: [does(6), does(7)],
        };
        // What a handler answers with makes no difference, and after an answer nothing else runs.
        let is_new =
            case.handler != Answer && (case.on_request == Pass || bits >> 2 & 0b11_1111_1111 == 0);
        if is_new {
            cases.push(case);
        }
    }
    cases
}

async fn check(client: &Client, desk: &Desk, case: Case) {
    *desk.case.lock().unwrap() = Some(case);
    let response = client.get("/").await;
    let trace = std::mem::take(&mut *desk.trace.lock().unwrap());
    let (stages, status) = model(case);
    assert_eq!(trace, stages, "{case:?}");
    assert_eq!(response.status().as_u16(), status, "{case:?}");
}

/// R36, R41, R43, R44, R54: with hooks that are `async` and hooks that are not.
#[tokio::test]
async fn every_combination_of_answers_errors_and_panics_takes_the_way_of_the_model() {
    // Tens of thousands of panics are meant.
    std::panic::set_hook(Box::new(|_| {}));
    let desk = Desk {
        case: Mutex::new(None),
        trace: Mutex::default(),
    };
    let app = App::new()
        .supply(desk)
        .with(Around::default())
        .with(Api::default());
    let running = app.with(WebPlugin::default()).boot().await.unwrap();
    let web: State<Web> = running.try_get().unwrap();
    let desk: State<Desk> = running.try_get().unwrap();
    let client = web.client();
    let cases = cases();
    assert!(cases.len() > 10_000, "{}", cases.len());
    for case in cases {
        check(&client, &desk, case).await;
    }
    running.close().await.unwrap();
}
