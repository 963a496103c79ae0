//! The page in a real browser.
//!
//! Skipped without `chromium` and `chromedriver`, unless `BOOTSTRAP_TEST_BROWSER=1`. With `BOOTSTRAP_TEST_SCREENSHOTS=folder`, it leaves pictures there.

use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::process::Stdio;
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::jobs::JobState;
use bootstrap_services::operations::{self, Operator};
use bootstrap_web::prelude::*;
use bootstrap_web::server::{Listening, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::kit::{Act, Kit, MINUTE, Mail, SCRIPT, boot_with, within};
use crate::workflows::start;

/// A browser can send no header of its own to the hook of the other tests.
#[routes(name = "open", collect = never)]
fn open() -> impl RouteSet {
    Routes::new()
        .before_handle(|| Give(Operator::new("ada")))
        .nest("/operations", operations::page)
}

/// A session of the protocol `WebDriver`.
struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    page: String,
}

impl Browser {
    /// `None` if no browser is installed.
    async fn start(page: SocketAddr) -> Option<Self> {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut driver = driver.ok()?;
        let mut lines = BufReader::new(driver.stdout.take()?).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("the driver ends");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        let mut browser = Self {
            driver,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            session: String::new(),
            page: format!("http://{page}/operations"),
        };
        // Root has no sandbox, and containers have a small /dev/shm.
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
        ];
        let options = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        }}});
        // An error if there is a driver without a browser.
        let session = browser.request("POST", "", options).await;
        browser.session = format!("/{}", session["sessionId"].as_str()?);
        Some(browser)
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let value = self.request(method, path, body).await;
        assert!(value.get("error").is_none(), "{path}: {value}");
        value
    }

    async fn request(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let request = format!(
            "{method} /session{}{path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.session,
            self.address,
            body.len(),
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // The driver leaves the connection open.
        let mut lines = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).await.unwrap();
            let line = line.trim_end().to_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).await.unwrap();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        answer["value"].take()
    }

    async fn open(&self, path: &str) {
        let url = format!("{}{path}", self.page);
        self.call("POST", "/url", json!({ "url": url })).await;
    }

    /// Runs a script in the page, and returns what it returns, also as a promise.
    async fn run(&self, script: &str) -> Value {
        let script = json!({ "script": script, "args": [] });
        self.call("POST", "/execute/sync", script).await
    }

    /// Waits until a script returns a value.
    async fn expect(&self, script: &str, value: Value) {
        let mut last = Value::Null;
        let wait = async {
            loop {
                last = self.run(script).await;
                if last == value {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = timeout(Duration::from_secs(30), wait).await;
        assert!(found.is_ok(), "{script}: {last}, and not {value}");
    }

    async fn click(&self, selector: &str) {
        let find = json!({ "using": "css selector", "value": selector });
        let found = self.call("POST", "/element", find).await;
        let id = found
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .as_str()
            .unwrap();
        self.call("POST", &format!("/element/{id}/click"), json!({}))
            .await;
    }

    async fn look(&self, width: u32, height: u32, scheme: &str) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let hide = json!({ "hidden": true });
        self.devtools("Emulation.setScrollbarsHidden", hide).await;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let command = json!({ "cmd": command, "params": parameters });
        self.call("POST", "/goog/cdp/execute", command).await
    }

    /// Saves a picture of the whole page, if a folder was chosen.
    async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("BOOTSTRAP_TEST_SCREENSHOTS") else {
            return;
        };
        let whole = json!({ "captureBeyondViewport": true });
        let picture = self.devtools("Page.captureScreenshot", whole).await;
        let text = picture["data"].as_str().unwrap();
        let file = FilePath::new(&folder).join(format!("{name}.png"));
        std::fs::write(file, decoded(text)).unwrap();
    }

    async fn stop(mut self) {
        self.call("DELETE", "", Value::Null).await;
        self.driver.kill().await.unwrap();
    }
}

/// Decodes base64.
fn decoded(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text
        .bytes()
        .filter_map(|it| ALPHABET.iter().position(|digit| *digit == it));
    let digits: Vec<_> = digits.collect();
    let bytes = digits.chunks(4).flat_map(|group| {
        let bits = (0..4).fold(0, |bits, place| bits << 6 | group.get(place).unwrap_or(&0));
        let bytes = bits.to_be_bytes().into_iter();
        bytes.skip(size_of::<usize>() - 3).take(group.len() - 1)
    });
    bytes.collect()
}

/// Jobs in each state, with texts that are as long as in life.
async fn fill(kit: &Kit) {
    for number in 1..=40 {
        kit.enqueue(&format!("user-{number}@example.org"), Act::Send)
            .await;
    }
    kit.drain().await;
    for error in [
        "can't connect to smtp.example.org:587: connection refused (os error 111)\ncaused by: no route",
        "550 5.1.1 <eve@example.org>: recipient address rejected: user unknown in the local recipient table, and the text of the server goes on for much longer than that, as servers like to explain",
        SCRIPT,
    ] {
        kit.dead(error).await;
    }
    start(kit, "order-1", Some("402: the card was declined")).await;
    start(kit, "order-2", None).await;
    kit.time.advance(9 * MINUTE).await;
    let later = Mail {
        to: "digest@example.org".to_owned(),
        act: Act::Send,
    };
    let _ = kit
        .jobs
        .enqueue(later)
        .after(19 * 60 * MINUTE)
        .await
        .unwrap();
    kit.run("rendered 3 of 7 pages").await;
}

async fn check(browser: &Browser, kit: &Kit) {
    // A dark page has light text.
    let is_dark = "return getComputedStyle(document.body).color.match(/\\d+/g).slice(0, 3).every((it) => it > 128)";
    let fits = "return document.documentElement.scrollWidth <= innerWidth";
    let pages = [
        ("overview", ""),
        ("dead", "/jobs?state=dead"),
        ("job", "/jobs/42"),
        ("list", "/jobs"),
        ("workflow", "/workflows/order-1"),
    ];
    for (name, path) in pages {
        browser.open(path).await;
        for (scheme, width) in [
            ("light", 400),
            ("light", 1600),
            ("dark", 400),
            ("dark", 1600),
        ] {
            browser.look(width, 1000, scheme).await;
            browser.expect(is_dark, json!(scheme == "dark")).await;
            browser.expect(fits, json!(true)).await;
            browser.picture(&format!("{name}-{scheme}-{width}")).await;
        }
    }

    kit.end_running().await;

    // The page shows what has changed, by itself, and reports an action once.
    browser.open("/jobs/42").await;
    browser.click("[aria-label='Requeue job 42']").await;
    browser
        .expect(
            "return document.querySelector('[role=status]')?.textContent",
            json!("Requeued."),
        )
        .await;
    browser.expect("return location.search", json!("")).await;
    kit.drain().await;
    let state = "return document.querySelector('.facts .badge').textContent";
    assert_eq!(browser.run(state).await, "ready");
    browser
        .run("active = 0; document.activeElement.blur(); return refresh()")
        .await;
    browser.expect(state, json!("dead")).await;
    assert_eq!(
        browser
            .run("return document.querySelector('[role=status]')")
            .await,
        Value::Null
    );

    // One click does not purge.
    browser.open("/jobs?state=dead").await;
    browser.click(".bulk details:last-child summary").await;
    browser
        .run("document.querySelector('[name=hours]').value = '0'")
        .await;
    browser.picture("purge").await;
    kit.time.advance(Duration::from_secs(1)).await;
    browser.click("button.danger").await;
    browser
        .expect(
            "return document.querySelector('.empty')?.textContent",
            json!("There are no such jobs."),
        )
        .await;

    let console = browser
        .call("POST", "/se/log", json!({ "type": "browser" }))
        .await;
    assert_eq!(console, json!([]), "the console");

    // A page of another origin, which has no policy of its own.
    let id = kit.dead("no luck").await;
    let form = format!(
        "const form = document.createElement('form'); form.method = 'post'; form.action = '{}/jobs/requeue';
         form.innerHTML = '<input name=id value={id}>'; document.body.append(form); form.submit()",
        browser.page
    );
    browser
        .call("POST", "/url", json!({ "url": "about:blank" }))
        .await;
    browser.run(&form).await;
    let refused = "return document.body.textContent.includes('page of another origin')";
    browser.expect(refused, json!(true)).await;
    assert_eq!(kit.state(&id).await, JobState::Dead);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_shows_the_page_and_sends_its_forms() {
    let kit = boot_with(|app| {
        app.with(Open::default())
            .with(Server::default().listen("127.0.0.1:0"))
    })
    .await;
    let listening = kit.running.try_get::<State<Listening>>().unwrap();
    let address = listening.address().unwrap();
    let Some(browser) = within(Browser::start(address)).await else {
        let is_required = std::env::var_os("BOOTSTRAP_TEST_BROWSER").is_some();
        assert!(!is_required, "install chromium and chromedriver");
        println!("skipped: there is no chromium with a chromedriver");
        return kit.close().await;
    };
    fill(&kit).await;
    let checked = {
        use futures_util::FutureExt as _;
        let checks = std::panic::AssertUnwindSafe(check(&browser, &kit));
        // So that the browser ends also if a check fails.
        timeout(Duration::from_mins(3), checks.catch_unwind()).await
    };
    within(browser.stop()).await;
    if let Err(panic) = checked.expect("in time") {
        std::panic::resume_unwind(panic);
    }
    drop(listening);
    kit.close().await;
}
