//! The workflows.

use bootstrap::prelude::*;
use bootstrap_services::database::Database;
use bootstrap_services::jobs::JobFilter;
use bootstrap_services::workflows::{FlowId, FlowState, Workflows};

use crate::kit::{Kit, PlaceOrder, SCRIPT, boot, text, within};

/// Starts a workflow, and returns when it waits or has ended.
pub(crate) async fn start(kit: &Kit, id: &str, fault: Option<&str>) {
    let workflows = kit.running.try_get::<State<Workflows>>().unwrap();
    let fault = fault.map(str::to_owned);
    let _ = within(workflows.start(PlaceOrder { fault }).id(id))
        .await
        .unwrap();
    kit.drain().await;
}

async fn state(kit: &Kit, id: &str) -> FlowState {
    let workflows = kit.running.try_get::<State<Workflows>>().unwrap();
    within(workflows.status(&FlowId::new(id)))
        .await
        .unwrap()
        .unwrap()
        .state
}

#[tokio::test]
async fn the_overview_has_the_newest_workflows() {
    let kit = boot().await;
    let empty = text(&kit.page("").await, "Workflows");
    assert_eq!(empty, "Workflows|No workflow was started yet.");
    start(&kit, "order 1", Some(SCRIPT)).await;
    start(&kit, "order 2", None).await;
    let page = kit.page("").await;
    assert!(!page.contains("<script>"));
    assert_eq!(
        text(&page, "Workflows"),
        "Workflows|Workflow|State|What|When|Actions\
         |place-order|order 2|waiting|{&quot;fault&quot;:null}|started|now|Cancel\
         |place-order|order 1|failed|the step `charge` failed: &lt;script&gt;alert(1)&lt;/script&gt;|ended|now|Retry\
         |All workflows"
    );
    kit.close().await;
}

#[tokio::test]
async fn the_page_of_a_workflow_has_its_steps() {
    let kit = boot().await;
    start(&kit, "order 1", Some("no money")).await;
    let page = kit.page("/workflows/order%201").await;
    let steps = page.split("<h2>Steps</h2>").nth(1).unwrap();
    let steps = text(&format!("<h2>Steps</h2>{steps}"), "Steps");
    let begin = "Steps|Step|Kind|State|What|Attempts|When|price|step|undone|3|1|ended|now|charge|step|failed|no money|1|ended|now|Input|";
    assert!(steps.starts_with(begin), "{steps}");
    kit.get("/workflows/order%203").await.assert_status(404);
    kit.close().await;
}

#[tokio::test]
async fn the_page_of_a_workflow_of_many_steps_has_the_newest_and_the_beginnings_of_their_results() {
    const FILL: &str =
        "WITH RECURSIVE n (i) AS (SELECT 101 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
        INSERT INTO _flow_steps (flow, name, seq, kind, state, result, began_at)
        SELECT 1, 'number ' || i, i, 5, 1, '\"' || i || printf('%.100000c', 'x') || '\"', 0 FROM n";
    let kit = boot().await;
    start(&kit, "order 1", None).await;
    let database = kit.running.try_get::<State<Database>>().unwrap();
    let filled = database.write(async |mut tx| -> Result<()> {
        sqlx::query(FILL).execute(&mut *tx).await?;
        Ok(())
    });
    filled.await.unwrap();
    let page = kit.page("/workflows/order%201").await;
    assert!(page.contains("There are older steps: these are the newest 100."));
    assert!(page.len() < 200_000, "{}", page.len());
    let numbers = |number: u32| page.contains(&format!(">number {number}<"));
    assert_eq!(
        (1..=250).filter(|it| numbers(*it)).collect::<Vec<_>>(),
        (151..=250).collect::<Vec<_>>()
    );
    assert!(
        page.contains("<code class=\"quiet\">&quot;250xxx"),
        "{page}"
    );
    assert!(page.contains("xxx…</code>"));
    kit.close().await;
}

#[tokio::test]
async fn a_workflow_is_cancelled_and_another_is_retried() {
    let kit = boot().await;
    start(&kit, "order 1", Some("no money")).await;
    start(&kit, "order 2", None).await;
    let page = kit.act("workflows/retry", &[("id", "order 1")]).await;
    assert_eq!(page, "/admin/operations/workflows/order%201?notice=retried");
    assert_ne!(state(&kit, "order 1").await, FlowState::Failed);
    kit.drain().await;
    assert_eq!(state(&kit, "order 1").await, FlowState::Failed);
    let page = kit.act("workflows/cancel", &[("id", "order 2")]).await;
    assert_eq!(page, "/admin/operations/workflows/order%202?notice=undoing");
    kit.drain().await;
    assert_eq!(state(&kit, "order 2").await, FlowState::Cancelled);
    let again = kit.act("workflows/cancel", &[("id", "order 2")]).await;
    assert!(again.ends_with("?notice=not-undoing"));
    let again = kit.act("workflows/retry", &[("id", "order 2")]).await;
    assert!(again.ends_with("?notice=not-retried"));
    kit.close().await;
}

#[tokio::test]
async fn a_job_that_resumes_a_workflow_leads_to_it_and_is_not_cancelled() {
    let kit = boot().await;
    let workflows = kit.running.try_get::<State<Workflows>>().unwrap();
    let _ = within(workflows.start(PlaceOrder { fault: None }).id("order 1"))
        .await
        .unwrap();
    let job = kit.jobs.list(&JobFilter::new()).await.unwrap().remove(0);
    let page = kit.page("/jobs").await;
    assert!(page.contains("<div>0 failed</div>"), "{page}");
    assert!(page.contains(r#"of <a href="./workflows/order%201">order 1</a>"#));
    assert!(!page.contains("jobs/cancel"), "{page}");
    let page = kit.page(&format!("/jobs/{}", job.id)).await;
    assert!(page.contains(r#"<a href="../workflows/order%201">order 1</a>"#));
    assert!(!page.contains("<form"), "{page}");
    let page = kit.act("jobs/cancel", &[("id", job.id.as_str())]).await;
    assert!(page.ends_with("?notice=ended"), "{page}");
    kit.drain().await;
    assert_eq!(state(&kit, "order 1").await, FlowState::Waiting);
    kit.close().await;
}

#[tokio::test]
async fn a_long_list_of_workflows_has_pages() {
    let kit = boot().await;
    for number in 1..=30 {
        start(&kit, &format!("order-{number}"), None).await;
    }
    let first = kit.page("/workflows?state=waiting").await;
    assert_eq!(first.matches(r#"scope="row""#).count(), 25);
    assert!(
        first.contains(r#"href="./workflows?state=waiting&amp;before=order-6""#),
        "{first}"
    );
    let second = kit.page("/workflows?state=waiting&before=order-6").await;
    assert_eq!(second.matches(r#"scope="row""#).count(), 5);
    assert!(second.contains(r#"href="./workflows?state=waiting">Newest"#));
    assert_eq!(
        kit.page("/workflows?state=timed%20out")
            .await
            .matches(r#"scope="row""#)
            .count(),
        0
    );
    kit.close().await;
}
