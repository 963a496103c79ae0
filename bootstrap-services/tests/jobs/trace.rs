//! The trace that jobs belong to.

use bootstrap::prelude::*;
use bootstrap_services::jobs::Jobs;
use bootstrap_web::prelude::*;

use crate::kit::{Act, Kit, Log, SECOND, Setup, Work};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

fn nested(depth: u32) -> Act {
    let enqueue = |act, _| Act::Enqueue(Box::new(act));
    (0..depth).fold(Act::Trace(0), enqueue)
}

#[tokio::test]
async fn a_job_has_its_trace_in_each_attempt() {
    let kit = Kit::new().await;
    let enqueue = kit.jobs.enqueue(Work(Act::Trace(1))).traceparent(TRACE);
    let id = enqueue.await.unwrap().into_id();
    assert_eq!(kit.log.until(1).await, [TRACE]);
    kit.time.advance(4 * SECOND).await;
    assert_eq!(kit.log.until(1).await, [TRACE]);
    assert_eq!(kit.find(&id).await.traceparent.as_deref(), Some(TRACE));
    kit.close().await;
}

#[tokio::test]
async fn a_job_that_a_handler_enqueues_is_in_the_trace_of_its_own_job() {
    let kit = Kit::new().await;
    // Several at the same time, so that none has the trace of another.
    let _ = kit.jobs.enqueue(Work(nested(2))).traceparent(TRACE).await;
    let _ = kit.jobs.enqueue(Work(nested(2))).traceparent(OTHER).await;
    let _ = kit.jobs.enqueue(Work(nested(2))).await;
    let mut traces = kit.log.until(3).await;
    traces.sort();
    assert_eq!(traces, [OTHER, TRACE, "none"]);
    kit.close().await;
}

#[routes(name = "sign-up", collect = never)]
fn sign_up() -> impl RouteSet {
    let enqueue = async |jobs: State<Jobs>| -> Answer<()> {
        jobs.enqueue(Work(Act::Trace(0))).await?;
        Ok(())
    };
    let by_hand = async |jobs: State<Jobs>| -> Answer<()> {
        jobs.enqueue(Work(Act::Trace(0))).traceparent(OTHER).await?;
        Ok(())
    };
    Routes::new()
        .post("/users", enqueue)
        .post("/others", by_hand)
}

#[tokio::test]
async fn a_job_that_a_request_enqueues_is_in_the_trace_of_the_request() {
    let (log, errors) = (Log::default(), Log::default());
    let app = Setup::new().app(&log, &errors);
    let app = app.with(WebPlugin::default()).with(SignUp::default());
    let running = app.boot().await.unwrap();
    let client = running.try_get::<State<Web>>().unwrap().client();
    let trace = async |path: &str, header: Option<&str>| {
        let mut request = client.post(path);
        if let Some(header) = header {
            request = request.header("traceparent", header);
        }
        request.await.assert_status(200);
        log.until(1).await.remove(0)
    };
    assert_eq!(trace("/users", Some(TRACE)).await, TRACE);
    assert_eq!(trace("/others", Some(TRACE)).await, OTHER);
    assert_eq!(trace("/users", None).await, "none");
    let extended = format!("{TRACE}-{}", "a".repeat(1_000));
    let upper = TRACE.to_uppercase();
    let no_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
    let no_span = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16));
    let no_version = TRACE.replace("00-4", "ff-4");
    for malformed in [
        "",
        "none",
        &extended,
        &upper,
        &no_trace,
        &no_span,
        &no_version,
    ] {
        let found = trace("/users", Some(malformed)).await;
        assert_eq!(found, "none", "{malformed}");
    }
    drop(client);
    running.close().await.unwrap();
}
