//! The trace that a workflow belongs to.

use std::collections::BTreeMap;

use bootstrap_services::jobs::JobFilter;
use serde_json::json;

use crate::kit::{Kit, Part, Test};
use crate::script;

#[tokio::test]
async fn the_jobs_and_children_of_a_workflow_are_in_its_trace() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let kit = Kit::by_hand(script!(|cx, log, input| {
        if input == "parent" {
            cx.child("child", Test(json!("child"))).await?;
        }
        let _: u32 = cx.job("part", Part::Return(1)).await?;
    }))
    .await;
    let start = kit.flows.start(Test(json!("parent"))).traceparent(TRACE);
    let id = start.await.unwrap().into_id();
    kit.drain().await;
    kit.result(&id).await;
    let jobs = kit.jobs.list(&JobFilter::new()).await.unwrap();
    let mut traced = BTreeMap::<_, u32>::new();
    for job in &jobs {
        assert_eq!(job.traceparent.as_deref(), Some(TRACE), "{job:?}");
        *traced.entry(job.name.as_str()).or_default() += 1;
    }
    assert_eq!(traced.get("part"), Some(&2), "{traced:?}");
    assert!(traced.get("test") > Some(&1), "{traced:?}");
    kit.close().await;
}
