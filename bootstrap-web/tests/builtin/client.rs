use bootstrap::Configuration;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::testing::Client;
use bootstrap_web::{ClientIp, ProxiesPlugin};

use crate::support::{boot, boot_error, run, with_client};

#[routes(collect = never)]
fn whoami() -> impl RouteSet {
    let key = |client: ClientIp| async move { client.key().to_string() };
    Routes::new()
        .get("/", |client: ClientIp| async move { client.to_string() })
        .get("/key", key)
}

fn app(trusted: &[&str]) -> App {
    let trusted = trusted.iter().map(|it| it.parse().unwrap()).collect();
    let proxies = ProxiesPlugin::default().trusted_proxies(trusted);
    App::new().with(Whoami::default()).with(proxies)
}

async fn ask(client: &Client, peer: &str, header: &str, value: &str) -> String {
    let client = client.clone().peer(format!("{peer}:4000").parse().unwrap());
    client.get("/").header(header, value).await.text()
}

/// D65: spoofed addresses are ignored.
#[test]
fn a_client_cannot_choose_its_address() {
    with_client(app(&[]), async |client| {
        for header in [
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "cf-connecting-ip",
        ] {
            assert_eq!(
                ask(&client, "203.0.113.7", header, "192.0.2.1").await,
                "203.0.113.7"
            );
        }
    });
    with_client(app(&["10.0.0.0/8"]), async |client| {
        // Not through the proxy.
        let direct = ask(&client, "203.0.113.7", "x-forwarded-for", "192.0.2.1").await;
        assert_eq!(direct, "203.0.113.7");
        // Through it: it has added the address on the right.
        let spoofed = ask(
            &client,
            "10.0.0.1",
            "x-forwarded-for",
            "192.0.2.1, 203.0.113.7",
        )
        .await;
        assert_eq!(spoofed, "203.0.113.7");
        let spoofed = ask(
            &client,
            "10.0.0.1",
            "x-forwarded-for",
            "10.0.0.9, 203.0.113.7",
        )
        .await;
        assert_eq!(spoofed, "203.0.113.7");
        // A header that the proxy does not write.
        let other = ask(&client, "10.0.0.1", "forwarded", "for=192.0.2.1").await;
        assert_eq!(other, "10.0.0.1");
    });
}

#[test]
fn the_address_is_found_through_several_trusted_proxies() {
    with_client(app(&["10.0.0.0/8", "2001:db8::5"]), async |client| {
        let list = "192.0.2.1, 203.0.113.7:99, 2001:db8::5, 10.1.1.1";
        assert_eq!(
            ask(&client, "10.0.0.1", "x-forwarded-for", list).await,
            "203.0.113.7"
        );
        let all_trusted = ask(&client, "10.0.0.1", "x-forwarded-for", "10.2.2.2, 10.1.1.1").await;
        assert_eq!(all_trusted, "10.2.2.2");
        let none = ask(&client, "10.0.0.1", "x-other", "").await;
        assert_eq!(none, "10.0.0.1");
    });
}

#[test]
fn several_lines_of_the_header_are_one_list() {
    with_client(app(&["10.0.0.0/8"]), async |client| {
        let client = client.peer("10.0.0.1:1".parse().unwrap());
        let request = client.get("/").header("x-forwarded-for", "192.0.2.1");
        let request = request.append("x-forwarded-for", "203.0.113.7, 10.3.3.3");
        request.await.assert_text("203.0.113.7");
    });
}

#[test]
fn what_is_not_an_address_ends_the_search() {
    with_client(app(&["10.0.0.0/8"]), async |client| {
        for entry in ["unknown", "", "_hidden", "'; drop table", "1.2.3"] {
            let list = format!("203.0.113.7, {entry}");
            let found = ask(&client, "10.0.0.1", "x-forwarded-for", &list).await;
            assert_eq!(found, "10.0.0.1", "{entry}");
        }
    });
}

#[test]
fn a_key_chooses_the_header() {
    let app = |header: &str| {
        let configuration = Configuration::new()
            .set("http.trusted_proxies", vec!["10.0.0.0/8"])
            .set("http.forwarded_header", header);
        App::new()
            .with(Whoami::default())
            .with(ProxiesPlugin::default())
            .configure(configuration)
    };
    with_client(app("Forwarded"), async |client| {
        let value = r#"for=192.0.2.1, For="[2001:db8::7]:4711";proto=https;by=10.0.0.1"#;
        assert_eq!(
            ask(&client, "10.0.0.1", "forwarded", value).await,
            "2001:db8::7"
        );
        assert_eq!(
            ask(&client, "10.0.0.1", "x-forwarded-for", "192.0.2.1").await,
            "10.0.0.1"
        );
    });
    with_client(app("cf-connecting-ip"), async |client| {
        assert_eq!(
            ask(&client, "10.0.0.1", "cf-connecting-ip", "2001:db8::8").await,
            "2001:db8::8"
        );
    });
    let error = boot_error(app("no header"));
    assert!(
        error.contains("`http.forwarded_header` is `no header`"),
        "{error}"
    );
}

#[test]
fn a_proxy_that_is_none_is_a_fault_of_the_configuration() {
    let configuration = Configuration::new().set("http.trusted_proxies", vec!["10.0.0.0/33"]);
    let app = App::new()
        .with(ProxiesPlugin::default())
        .configure(configuration);
    let errors = app.plan().unwrap_err();
    assert_eq!(errors.errors()[0].code(), "BOOT017");
    let text = errors.to_string();
    assert!(
        text.contains("plugin `proxies` can't read `http.trusted_proxies"),
        "{text}"
    );
}

#[test]
fn the_key_of_an_ipv6_client_is_its_network() {
    with_client(app(&[]), async |client| {
        for (peer, key) in [
            ("[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
        ] {
            let client = client.clone().peer(peer.parse().unwrap());
            client.get("/key").await.assert_text(key);
        }
    });
}

#[test]
fn a_connection_without_an_address_is_a_client_of_the_proxy_behind_a_unix_socket() {
    let status = async |trusted: &[&str]| {
        let running = boot(app(trusted)).await;
        let web = running.try_get::<State<Web>>().unwrap();
        let request = Request::get("/").header("x-forwarded-for", "203.0.113.7");
        let response = web.handle(request.body(Body::empty()).unwrap()).await;
        running.close().await.unwrap();
        response.status()
    };
    run(async {
        assert_eq!(status(&["unix"]).await, 200);
        assert_eq!(status(&["10.0.0.0/8"]).await, 500);
    });
}

#[test]
fn a_handler_that_takes_the_address_requires_the_proxies() {
    let errors = App::new()
        .with(Whoami::default())
        .with(WebPlugin::default())
        .plan()
        .unwrap_err();
    let text = format!("{errors:?}");
    assert!(
        text.contains("argument `State<Proxies>` of `a closure in whoami` (GET /)"),
        "{text}"
    );
}
