//! The shop as a process, and its clients.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

/// No shop lives longer than this, so that one that hangs fails its test.
const DEADLINE: Duration = Duration::from_mins(3);

/// A process that does not outlive its test.
pub struct Shop {
    child: Child,
    address: String,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
    _ended: mpsc::Sender<()>,
}

impl Shop {
    /// Starts the shop on a free port, with its database in `folder`, and a report every second. Returns when it listens.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same, with more variables of the environment.
    pub fn start_with(folder: &Path, variables: &[(&str, &str)]) -> Self {
        Self::spawn(folder, variables).listening()
    }

    /// The same, without waiting until it listens.
    pub fn spawn(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
        command
            .current_dir(folder)
            .env("SHOP_HTTP__LISTEN", "127.0.0.1:0")
            .env("SHOP_HTTP__DRAIN_DELAY", "0s")
            .env("SHOP_CRON__REPORT__PATTERN", "* * * * * *")
            .env("SHOP_LOG__LEVEL", "info,sqlx=warn")
            // A program outlives a shop that is killed, until the next one adopts it.
            .env("SHOP_EXCHANGE__ENABLED", "false")
            .env_remove("RUST_LOG")
            .envs(variables.iter().copied())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (line, lines) = mpsc::channel();
        // A separate thread, so that the log never waits for a reader.
        thread::spawn(move || {
            let mut read = stderr.lines().map_while(Result::ok);
            while read.next().is_some_and(|next| line.send(next).is_ok()) {}
        });
        let (ended, end) = mpsc::channel::<()>();
        let id = child.id();
        thread::spawn(move || {
            if end.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
                send("-KILL", id);
            }
        });
        Self {
            child,
            address: String::new(),
            lines,
            log: Vec::new(),
            _ended: ended,
        }
    }

    /// Waits until it listens.
    pub fn listening(mut self) -> Self {
        self.address = self.wait_for("listening on ");
        self
    }

    /// Waits for the end of a shop whose boot fails. Returns the log.
    pub fn failed(mut self) -> String {
        let status = self.child.wait().unwrap();
        let log: Vec<_> = self.lines.iter().collect();
        let log = log.join("\n");
        assert_eq!(status.code(), Some(1), "{log}");
        log
    }

    /// Waits for a line of the log with this text, and returns the rest of that line.
    pub fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.recv();
            let line = line.unwrap_or_else(|_| panic!("no `{words}`: {:#?}", self.log));
            let rest = line.split_once(words).map(|(_, rest)| rest.to_owned());
            self.log.push(line);
            if let Some(rest) = rest {
                return rest;
            }
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Kills the shop, which has no time to do anything.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM, and waits for the end, which must be successful. Returns the log.
    pub fn stop(mut self) -> Vec<String> {
        send("-TERM", self.child.id());
        let status = self.child.wait().unwrap();
        let mut log = std::mem::take(&mut self.log);
        log.extend(self.lines.iter());
        assert_eq!(status.code(), Some(0), "{log:#?}");
        log
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // A program outlives a shop that is killed: here of a test that failed.
        let _ = Command::new("pkill")
            .args(["-KILL", "-P", &self.child.id().to_string()])
            .status();
        // Both do nothing if it has ended, and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Answers with an error code are answers; nothing waits longer than this.
pub fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

/// Returns the status and the body of a request that succeeds or is refused.
pub fn get(shop: &Shop, path: &str) -> (u16, Value) {
    let mut response = agent().get(shop.url(path)).call().unwrap();
    let status = response.status().as_u16();
    (status, response.body_mut().read_json().unwrap_or_default())
}

/// Returns the body of a text.
pub fn get_text(shop: &Shop, path: &str) -> String {
    let mut response = agent().get(shop.url(path)).call().unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.body_mut().read_to_string().unwrap()
}

/// Subscribes to `/stock`, and returns the lines of the stream, which ends with it.
pub fn watch_stock(shop: &Shop) -> mpsc::Receiver<String> {
    let agent = Agent::new_with_defaults();
    let response = agent.get(shop.url("/stock")).call().unwrap();
    let (line, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut read = BufReader::new(response.into_body().into_reader()).lines();
        while read
            .next()
            .is_some_and(|next| next.is_ok_and(|it| line.send(it).is_ok()))
        {}
    });
    lines
}

pub fn put(shop: &Shop, path: &str, body: &Value) -> (u16, Value) {
    let mut response = agent().put(shop.url(path)).send_json(body).unwrap();
    let status = response.status().as_u16();
    (status, response.body_mut().read_json().unwrap_or_default())
}

/// Returns `None` if the shop was killed.
pub fn order(
    agent: &Agent,
    shop: &str,
    token: &str,
    reference: &str,
    product: &Value,
) -> Option<(u16, Value)> {
    let body = json!({ "reference": reference, "product": product, "quantity": 1 });
    let request = agent
        .post(format!("{shop}/orders"))
        .header("authorization", format!("Bearer {token}"));
    let mut response = request.send_json(body).ok()?;
    let status = response.status().as_u16();
    Some((status, response.body_mut().read_json().ok()?))
}

/// Signs up. Returns what to log in with.
pub fn sign_up(shop: &Shop, email: &str) -> Value {
    let credentials = json!({ "email": email, "password": "correct horse battery" });
    let signed_up = agent()
        .post(shop.url("/accounts"))
        .send_json(&credentials)
        .unwrap();
    assert_eq!(signed_up.status(), 201);
    credentials
}

/// Signs up and logs in; returns the token.
pub fn customer(shop: &Shop, email: &str) -> String {
    let credentials = sign_up(shop, email);
    let mut session = agent()
        .post(shop.url("/sessions"))
        .send_json(&credentials)
        .unwrap();
    assert_eq!(session.status(), 201);
    let session: Value = session.body_mut().read_json().unwrap();
    session["token"].as_str().unwrap().to_owned()
}
