//! Actions, as the buttons of the page send them.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::audit::{Audit, Filter};
use bootstrap_services::jobs::JobState;
use bootstrap_services::processes::{ProcessId, ProcessStatus, Processes};

use crate::kit::{Act, MINUTE, boot, within};

#[tokio::test]
async fn a_dead_letter_is_requeued() {
    let kit = boot().await;
    let id = kit.dead("no luck").await;
    let page = kit.act("jobs/requeue", &[("id", "1")]).await;
    assert_eq!(page, "/admin/operations/jobs/1?notice=requeued");
    assert_eq!(kit.state(&id).await, JobState::Ready);
    let page = kit.page("/jobs/1?notice=requeued").await;
    assert!(page.contains(r#"<p class="notice" role="status">Requeued.</p>"#));
    let again = kit.act("jobs/requeue", &[("id", "1")]).await;
    assert_eq!(again, "/admin/operations/jobs/1?notice=not-requeued");
    kit.close().await;
}

#[tokio::test]
async fn all_jobs_of_a_page_are_requeued_at_once() {
    let kit = boot().await;
    let ids = [kit.dead("one").await, kit.dead("two").await];
    let page = kit.page("/jobs?state=dead").await;
    assert!(page.contains("<summary>Requeue these 2</summary>"));
    let page = kit.act("jobs/requeue", &[("id", "2"), ("id", "1")]).await;
    assert_eq!(
        page,
        "/admin/operations/jobs?state=dead&count=2&notice=requeued"
    );
    for id in ids {
        assert_eq!(kit.state(&id).await, JobState::Ready);
    }
    kit.close().await;
}

#[tokio::test]
async fn a_job_that_runs_is_cancelled() {
    let kit = boot().await;
    let id = kit.run("3 of 7").await;
    let page = kit.act("jobs/cancel", &[("id", id.as_str())]).await;
    assert_eq!(page, "/admin/operations/jobs/1?notice=cancelled");
    kit.until(&id, JobState::Cancelled).await;
    let again = kit.act("jobs/cancel", &[("id", id.as_str())]).await;
    assert_eq!(again, "/admin/operations/jobs/1?notice=ended");
    kit.close().await;
}

#[tokio::test]
async fn a_job_that_is_dead_or_cancelled_is_removed_after_a_confirmation() {
    let kit = boot().await;
    let dead = kit.dead("no luck").await;
    let open = kit.enqueue("a", Act::Send).await;
    let summary = "<details><summary>Remove</summary>";
    let button = r#"<button class="danger" aria-label="Remove job 1">Remove</button>"#;
    let page = kit.page("/jobs/1").await;
    assert!(page.contains(summary) && page.contains(button), "{page}");
    let page = kit.act("jobs/remove", &[("id", "1")]).await;
    assert_eq!(page, "/admin/operations/jobs?state=dead&notice=removed");
    assert_eq!(within(kit.jobs.find(&dead)).await.unwrap(), None);

    assert!(!kit.page("/jobs/2").await.contains(summary));
    let page = kit.act("jobs/remove", &[("id", "2")]).await;
    assert_eq!(page, "/admin/operations/jobs/2?notice=not-removed");
    let page = kit.page("/jobs/2?notice=not-removed").await;
    assert!(page.contains("Not removed: the job has not ended, or does not exist."));
    assert_eq!(kit.state(&open).await, JobState::Ready);
    kit.act("jobs/cancel", &[("id", "2")]).await;
    assert!(kit.page("/jobs/2").await.contains(summary));
    let page = kit.act("jobs/remove", &[("id", "2")]).await;
    assert_eq!(
        page,
        "/admin/operations/jobs?state=cancelled&notice=removed"
    );
    assert_eq!(within(kit.jobs.find(&open)).await.unwrap(), None);
    kit.close().await;
}

#[tokio::test]
async fn old_dead_letters_are_purged() {
    let kit = boot().await;
    let old = kit.dead("old").await;
    kit.time.advance(61 * MINUTE).await;
    let new = kit.dead("new").await;
    let purge = [("state", "dead"), ("hours", "1")];
    let page = kit.act("jobs/purge", &purge).await;
    assert_eq!(
        page,
        "/admin/operations/jobs?state=dead&count=1&notice=purged"
    );
    assert_eq!(within(kit.jobs.find(&old)).await.unwrap(), None);
    assert_eq!(kit.state(&new).await, JobState::Dead);
    let again = kit.act("jobs/purge", &purge).await;
    assert_eq!(
        again,
        "/admin/operations/jobs?state=dead&count=0&notice=nothing-to-purge"
    );
    kit.close().await;
}

#[tokio::test]
async fn a_form_with_wrong_values_is_refused() {
    let kit = boot().await;
    let id = kit.enqueue("a", Act::Send).await;
    for (path, fields) in [
        ("cancel", vec![("name", "1")]),
        ("remove", vec![("name", "1")]),
        ("purge", vec![("state", "ready"), ("hours", "0")]),
        ("purge", vec![("state", "dead"), ("hours", "-1")]),
    ] {
        let path = format!("/admin/operations/jobs/{path}");
        within(kit.client.post(&path).form(fields))
            .await
            .assert_status(400);
    }
    assert_eq!(kit.state(&id).await, JobState::Ready);
    kit.close().await;
}

#[tokio::test]
async fn a_schedule_is_paused_resumed_and_triggered() {
    let kit = boot().await;
    let cleanup = [("name", "cleanup")];
    let page = kit.act("schedules/pause", &cleanup).await;
    assert_eq!(page, "/admin/operations?notice=paused#schedules");
    let page = kit.page("").await;
    assert!(page.contains(r#"<button aria-label="Resume cleanup">"#));
    kit.time.advance(4 * MINUTE).await;
    kit.act("schedules/resume", &cleanup).await;
    assert!(kit.page("").await.contains("0 begun"));
    kit.act("schedules/trigger", &cleanup).await;
    kit.time.advance(Duration::from_secs(1)).await;
    assert!(kit.page("").await.contains("1 begun"));
    let path = "/admin/operations/schedules/pause";
    let unknown = within(kit.client.post(path).form([("name", "claenup")])).await;
    unknown.assert_status(404);
    assert!(
        unknown
            .text()
            .contains("there is no schedule called `claenup`")
    );
    kit.close().await;
}

#[tokio::test]
async fn a_process_is_restarted_and_stopped() {
    let kit = boot().await;
    let processes = kit.running.try_get::<State<Processes>>().unwrap();
    let page = kit.act("processes/restart", &[("id", "1")]).await;
    assert_eq!(page, "/admin/operations?notice=restarted#processes");
    assert_eq!(processes.list()[0].status, ProcessStatus::Running);
    kit.act("processes/stop", &[("id", "1")]).await;
    assert_eq!(processes.list(), []);
    let stopped = within(processes.get(ProcessId::new(1)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stopped.status, ProcessStatus::Stopped);
    let path = "/admin/operations/processes/stop";
    within(kit.client.post(path).form([("id", "1")]))
        .await
        .assert_status(404);
    within(kit.client.post(path).form([("id", "one")]))
        .await
        .assert_status(400);
    drop(processes);
    kit.close().await;
}

#[tokio::test]
async fn each_action_is_in_the_audit_log_with_its_operator() {
    let kit = boot().await;
    kit.dead("no luck").await;
    kit.act("jobs/requeue", &[("id", "1")]).await;
    kit.act("jobs/remove", &[("id", "1")]).await;
    kit.act("schedules/pause", &[("name", "cleanup")]).await;
    let audit = kit.running.try_get::<State<Audit>>().unwrap();
    let page = within(audit.query(&Filter::new())).await.unwrap();
    let recorded = page.entries.iter().map(|it| {
        let parts = [&it.actor, &it.target_kind, &it.target];
        let parts = parts.map(|it| it.as_deref().unwrap());
        format!("{} {}", it.action, parts.join(" "))
    });
    let recorded: Vec<_> = recorded.collect();
    assert_eq!(
        recorded,
        [
            "schedule.pause ada schedule cleanup",
            "job.remove ada job 1",
            "job.requeue ada job 1"
        ]
    );
    drop(audit);
    kit.close().await;
}
