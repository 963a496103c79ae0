//! The contents of the pages.

use std::collections::BTreeSet;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::testing;
use bootstrap_web::prelude::*;

use crate::kit::{Act, Admin, MINUTE, Mail, boot, resolve, text, values, within};

fn has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "no {part} in {page}");
    }
}

#[tokio::test]
async fn the_overview_of_a_new_app_says_that_there_is_nothing_yet() {
    let kit = boot().await;
    let page = kit.page("").await;
    assert_eq!(text(&page, "Jobs"), "Jobs|No job was enqueued yet.");
    assert_eq!(
        text(&page, "Dead letters"),
        "Dead letters|There are no dead letters."
    );
    assert_eq!(text(&page, "Running"), "Running|No job runs.");
    assert_eq!(
        text(&page, "Scheduled"),
        "Scheduled|No job waits for its time."
    );
    assert!(page.contains("Operator: ada"));
    kit.close().await;
}

#[tokio::test]
async fn an_app_without_services_has_an_empty_page() {
    let (app, _time) = testing::only(Admin::default());
    let running = within(app.with(WebPlugin::default()).boot()).await.unwrap();
    let web = running.try_get::<State<Web>>().unwrap();
    let client = web.client().header("x-user", "ada");
    let page = within(client.get("/admin/operations")).await;
    assert!(
        page.text()
            .contains("This app has no service that is shown here.")
    );
    within(client.get("/admin/operations/jobs"))
        .await
        .assert_status(404);
    drop((client, web));
    within(running.close()).await.unwrap();
}

#[tokio::test]
async fn the_overview_has_jobs_by_name_and_state() {
    let kit = boot().await;
    kit.dead("the server is down").await;
    kit.enqueue("a", Act::Send).await;
    kit.drain().await;
    let later = Mail {
        to: "b".to_owned(),
        act: Act::Send,
    };
    let _ = kit
        .jobs
        .enqueue(later)
        .after(120 * MINUTE + Duration::from_secs(1))
        .await
        .unwrap();
    kit.run("3 of 7 pages").await;
    let page = kit.page("").await;
    assert_eq!(
        text(&page, "Jobs"),
        "Jobs|Name|Scheduled|Ready|Running|Done|Dead|Cancelled|send-mail|1|0|1|1|1|0|Counted|now|."
    );
    let heads = "Job|State|What|Attempts|When|Actions";
    assert_eq!(
        text(&page, "Dead letters"),
        format!(
            "Dead letters|{heads}|send-mail|1|dead|the server is down|1 of 1 failed|ended|1 s ago|Requeue"
        )
    );
    assert_eq!(
        text(&page, "Running"),
        format!(
            "Running|{heads}|send-mail|4|running|3 of 7 pages|0 of 1 failed|due|1 s ago|Cancel"
        )
    );
    assert_eq!(
        text(&page, "Scheduled"),
        format!(
            "Scheduled|{heads}|send-mail|3|scheduled|{{&quot;act&quot;:&quot;Send&quot;,&quot;to&quot;:&quot;b&quot;}}|0 of 1 failed|due|in 2 h|Cancel"
        )
    );
    kit.close().await;
}

#[tokio::test]
async fn the_overview_has_schedules_and_processes() {
    let kit = boot().await;
    kit.time.advance(6 * MINUTE).await;
    let page = kit.page("").await;
    assert_eq!(
        text(&page, "Schedules"),
        "Schedules|Schedule|Pattern|Next|Last|Runs here|Actions|cleanup|*/5 * * * *|UTC|in 4 min|1 min ago|succeeded|1 begun, 0 failed|Run now|Pause"
    );
    assert!(page.contains(r#"title="2026-01-01 00:10:00 UTC">in 4 min</time>"#));
    let processes = text(&page, "Processes");
    let begin = "Processes|Process|State|Pid|Restarts|Uses|Actions|ocr|1|running";
    assert!(
        processes.starts_with(begin) && processes.ends_with("|–|0|–|Restart|Stop"),
        "{processes}"
    );
    kit.close().await;
}

#[tokio::test]
async fn the_page_of_a_job_has_all_that_is_known() {
    let kit = boot().await;
    kit.dead("the server is down").await;
    kit.enqueue("a@example.org", Act::Send).await;
    kit.drain().await;
    let dead = kit.page("/jobs/1").await;
    has(
        &dead,
        &[
            "<h1>send-mail 1</h1>",
            "<h2>Error</h2>",
            "the server is down",
            r#"<button aria-label="Requeue job 1">"#,
            "<dt>Attempts</dt><dd>1 of 1 failed</dd>",
        ],
    );
    let done = kit.page("/jobs/2").await;
    has(
        &done,
        &[
            "&quot;to&quot;: &quot;a@example.org&quot;",
            "<h2>Result</h2>",
            "&quot;250 ok&quot;",
            r#"<time datetime="2026-01-01T00:00:00Z" title="2026-01-01 00:00:00 UTC">now</time>"#,
        ],
    );
    let missing = kit.get("/jobs/3").await;
    missing.assert_status(404);
    has(&missing.text(), &["There is no job 3"]);
    kit.close().await;
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let kit = boot().await;
    for number in 0..60 {
        kit.enqueue(&number.to_string(), Act::Send).await;
    }
    let mut listed = Vec::new();
    let mut path = "/jobs?state=ready".to_owned();
    for most in [25, 25, 10] {
        let page = kit.page(&path).await;
        let ids = values(&page, "aria-label").into_iter();
        let ids: Vec<_> = ids
            .filter_map(|it| it.strip_prefix("Cancel job ").map(str::to_owned))
            .collect();
        assert_eq!((ids.len(), page.contains(">Older<")), (most, most == 25));
        listed.extend(ids);
        let older = page.split(r#"rel="next" href=""#).nth(1);
        let older = older.map(|it| it.split('"').next().unwrap().replace("&amp;", "&"));
        path = resolve("/jobs", &older.unwrap_or_default());
    }
    let all: Vec<_> = (1..=60).rev().map(|it| it.to_string()).collect();
    assert_eq!(listed, all);
    kit.close().await;
}

#[tokio::test]
async fn a_list_is_filtered_by_name_and_state() {
    let kit = boot().await;
    kit.dead("no luck").await;
    kit.enqueue("a", Act::Send).await;
    let shown = async |query: &str| {
        let page = kit.page(&format!("/jobs{query}")).await;
        page.matches(r#"scope="row""#).count()
    };
    assert_eq!(shown("").await, 2);
    assert_eq!(shown("?state=dead&name=").await, 1);
    assert_eq!(shown("?state=no-such-state&name=send-mail").await, 2);
    assert_eq!(shown("?name=other").await, 0);
    kit.close().await;
}

/// The count reads an entry for each job.
#[tokio::test]
async fn jobs_are_counted_once_in_five_seconds() {
    let kit = boot().await;
    let count = async || text(&kit.page("").await, "Jobs");
    kit.enqueue("a", Act::Send).await;
    assert!(count().await.contains("|send-mail|0|1|0|0|0|0|Counted|now"));
    kit.enqueue("b", Act::Send).await;
    kit.time.advance(Duration::from_secs(4)).await;
    assert!(
        count()
            .await
            .contains("|send-mail|0|1|0|0|0|0|Counted|4 s ago")
    );
    kit.time.advance(Duration::from_secs(1)).await;
    assert!(count().await.contains("|send-mail|0|2|0|0|0|0|Counted|now"));
    kit.close().await;
}

/// Each link of each page, and each file that a page loads.
#[tokio::test]
async fn all_links_lead_somewhere() {
    let kit = boot().await;
    for number in 0..30 {
        kit.dead(&number.to_string()).await;
    }
    let mut found = BTreeSet::from(["/admin/operations".to_owned()]);
    let mut left: Vec<_> = found.iter().cloned().collect();
    while let Some(path) = left.pop() {
        let response = within(kit.client.get(&path)).await;
        response.assert_status(200);
        let page = response.text();
        let links = [values(&page, "href"), values(&page, "src")].concat();
        for link in links.into_iter().filter(|it| !it.starts_with('#')) {
            let link = resolve(&path, &link);
            if found.insert(link.clone()) {
                left.push(link);
            }
        }
        for action in values(&page, "action") {
            let action = resolve(&path, &action);
            assert!(
                action.starts_with("/admin/operations/"),
                "{action} of {path}"
            );
            // There is a route, which refuses a form without fields.
            let response = within(kit.client.post(&action).form([("", "")])).await;
            let is_there = [400, 303].contains(&response.status().as_u16());
            assert!(is_there, "{action} of {path}: {}", response.status());
        }
    }
    let paths: Vec<_> = found.iter().map(String::as_str).collect();
    has(
        &paths.join(" "),
        &[
            "/admin/operations/jobs/1 ",
            "/admin/operations/jobs?before=6 ",
            "/admin/operations/jobs?state=dead&before=6 ",
            "/admin/operations/page.css",
        ],
    );
    kit.close().await;
}

/// One service that fails leaves the others on the page.
#[tokio::test]
async fn a_service_that_fails_leaves_the_others_on_the_page() {
    let kit = boot().await;
    kit.dead("no luck").await;
    let database = kit
        .running
        .try_get::<State<bootstrap_services::database::Database>>()
        .unwrap();
    let drop_table = database.write(async |mut tx| -> Result<()> {
        sqlx::query("DROP TABLE _jobs").execute(&mut *tx).await?;
        Ok(())
    });
    within(drop_table).await.unwrap();
    let page = kit.page("").await;
    assert!(text(&page, "Jobs").contains("count the jobs"), "{page}");
    assert!(text(&page, "Schedules").contains("cleanup"));
    let failed = kit.get("/jobs").await;
    failed.assert_status(500);
    has(
        &failed.text(),
        &["This failed", "list the jobs", "no such table"],
    );
    drop((database, kit.jobs, kit.client, kit.stranger));
    within(kit.running.close()).await.unwrap();
}
