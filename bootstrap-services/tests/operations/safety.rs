//! Who may see and do what, and what a text can't do.

use bootstrap_services::jobs::JobState;

use crate::kit::{Act, SCRIPT, boot, within};

const PATHS: [&str; 5] = ["", "/jobs", "/jobs/1", "/page.css", "/page.js"];

#[tokio::test]
async fn no_page_is_shown_without_an_operator() {
    let kit = boot().await;
    kit.dead("a secret").await;
    let bob = kit.stranger.clone().header("x-user", "bob");
    for path in PATHS {
        let path = format!("/admin/operations{path}");
        within(kit.stranger.get(&path)).await.assert_status(401);
        let forbidden = within(bob.get(&path)).await;
        forbidden.assert_status(403);
        assert!(!forbidden.text().contains("a secret"));
    }
    kit.close().await;
}

#[tokio::test]
async fn nothing_is_done_without_an_operator() {
    let kit = boot().await;
    let id = kit.dead("no luck").await;
    let path = "/admin/operations/jobs/requeue";
    within(kit.stranger.post(path).form([("id", "1")]))
        .await
        .assert_status(401);
    within(kit.client.get(path)).await.assert_status(405);
    assert_eq!(kit.state(&id).await, JobState::Dead);
    kit.close().await;
}

/// A page of another origin sends a form with the cookies of the operator.
#[tokio::test]
async fn a_form_of_another_origin_is_refused() {
    let kit = boot().await;
    let id = kit.dead("no luck").await;
    let send = async |headers: &[(&str, &str)]| {
        let mut request = kit
            .client
            .post("/admin/operations/jobs/requeue")
            .form([("id", "1")]);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        within(request).await.status().as_u16()
    };
    let host = ("host", "ops.example:8443");
    for refused in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "")],
        // `sec-fetch-site` decides, as no page can set it.
        &[
            ("sec-fetch-site", "cross-site"),
            host,
            ("origin", "https://ops.example:8443"),
        ],
        &[host, ("origin", "https://evil.example")],
        &[host, ("origin", "https://ops.example")],
        &[host, ("origin", "https://ops.example:8443.evil.example")],
        &[host, ("origin", "null")],
        &[host, ("origin", "")],
    ] {
        assert_eq!(send(refused).await, 403, "{refused:?}");
    }
    assert_eq!(kit.state(&id).await, JobState::Dead);
    for allowed in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[host, ("origin", "https://OPS.example:8443")],
    ] {
        assert_eq!(send(allowed).await, 303, "{allowed:?}");
    }
    kit.close().await;
}

#[tokio::test]
async fn no_text_of_a_job_or_a_request_is_markup() {
    let kit = boot().await;
    kit.enqueue(
        SCRIPT,
        Act::Fail(format!("{SCRIPT} \" onmouseover=\"alert(1)")),
    )
    .await;
    kit.drain().await;
    kit.run(SCRIPT).await;
    let encoded = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [
        String::new(),
        "/jobs".to_owned(),
        "/jobs/1".to_owned(),
        "/jobs/2".to_owned(),
        format!("/jobs/{encoded}"),
        format!(
            "/jobs?state=dead&name=%22{encoded}&before={encoded}&notice={encoded}&count={encoded}"
        ),
    ] {
        let page = kit.get(&path).await.text();
        assert!(page.starts_with("<!doctype html>"), "{path}");
        assert!(!page.contains("<script>"), "{path}: {page}");
        assert!(!page.contains("\" onmouseover"), "{path}: {page}");
    }
    let page = kit.page("/jobs/1").await;
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &quot; onmouseover=&quot;alert(1)")
    );
    kit.close().await;
}

#[tokio::test]
async fn a_page_has_a_policy_and_is_not_stored() {
    let kit = boot().await;
    for path in ["", "/jobs", "/jobs/7"] {
        let page = kit.get(path).await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        page.assert_header("cache-control", "no-store");
        page.assert_header("x-content-type-options", "nosniff");
        page.assert_header("referrer-policy", "same-origin");
        let text = page.text();
        assert!(!text.contains(" style=") && !text.contains("://"), "{text}");
    }
    kit.close().await;
}
