//! 201 with a place.

use bootstrap_web::prelude::*;
use bootstrap_web::testing::Client;

use crate::support::with_set;

#[routes(name = "notes", collect = never)]
fn notes() -> impl RouteSet {
    Routes::new()
        .post("/json", || Created::at("/notes/7", Json(["milk"])))
        .post("/empty", || Created::at(String::from("/notes/8"), ()))
        .post("/full", || {
            Created::at("/notes/9", Problem::conflict().detail("no more notes"))
        })
        .post("/broken", || Created::at("/notes/a\r\nset-cookie: a=b", ()))
}

#[test]
fn what_is_created_is_a_201_with_its_place_and_its_body() {
    with_set(Notes::default(), async |client: Client| {
        let response = client.post("/json").await;
        response
            .assert_status(201)
            .assert_header("location", "/notes/7")
            .assert_json(["milk"]);
        let response = client.post("/empty").await;
        response
            .assert_status(201)
            .assert_header("location", "/notes/8")
            .assert_text("");
    });
}

#[test]
fn an_error_inside_stays_the_answer_and_has_no_place() {
    with_set(Notes::default(), async |client: Client| {
        let response = client.post("/full").await;
        response.assert_status(409);
        assert_eq!(response.header("location"), None);
        let problem: serde_json::Value = response.json();
        assert_eq!(problem["detail"], "no more notes");
    });
}

#[test]
fn a_place_that_can_not_be_a_header_is_a_500_without_it() {
    with_set(Notes::default(), async |client: Client| {
        let response = client.post("/broken").await;
        response.assert_status(500);
        assert_eq!(response.header("location"), None);
        assert_eq!(response.header("set-cookie"), None);
        assert_eq!(
            response.text(),
            r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#
        );
    });
}
