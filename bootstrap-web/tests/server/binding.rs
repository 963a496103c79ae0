//! Where a server listens.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::server::{Bound, Listening, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::support::{app, boot, close, get, server, until, within};

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new().get("/", || "hello")
}

fn full() -> App {
    app(Api::default())
}

async fn boot_error(server: Server) -> String {
    let error = within(full().with(server).boot()).await.unwrap_err();
    format!("{error:?}")
}

/// F1: with the key.
#[tokio::test]
async fn a_port_that_is_taken_fails_the_boot_and_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = boot_error(server().listen(address)).await;
    assert!(error.contains("[http] Plugin load failed"), "{error}");
    assert!(
        error.contains(&format!("can't listen on `{address}`")),
        "{error}"
    );
    assert!(
        error.contains("another address in `http.listen`"),
        "{error}"
    );
}

/// D66: one after the other.
#[tokio::test]
async fn the_next_port_is_tried_as_often_as_is_wished() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (running, bound) = boot(full(), server().listen(address).bind_retry(5)).await;
    assert!(bound.port() > address.port(), "{bound}");
    assert!(bound.port() <= address.port() + 5, "{bound}");
    assert!(get(bound, "/").await.ends_with("hello"));
    close(running).await;
}

/// F2: with what to write.
#[tokio::test]
async fn what_is_no_address_of_this_machine_fails_the_boot() {
    for (listen, expected) in [
        ("192.0.2.1:0", "no network of this machine has this address"),
        (
            "no-such-host.invalid:80",
            "can't listen on `no-such-host.invalid:80`",
        ),
        ("80", "write `127.0.0.1:80`"),
        (
            "fd:9",
            "`fd:9` is not a listening socket that this process inherited",
        ),
    ] {
        let error = boot_error(server().listen(listen)).await;
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn several_addresses_are_served_at_once() {
    let server = server().listen(["127.0.0.1:0", "localhost:0"]);
    let (running, _) = boot(full(), server).await;
    let listening = running.try_get::<State<Listening>>().unwrap();
    let [Bound::Tcp(first), Bound::Tcp(second)] = listening.all() else {
        panic!("{listening:?}");
    };
    assert_ne!(first, second);
    for address in [first, second] {
        assert!(get(*address, "/").await.ends_with("hello"));
    }
    close(running).await;
}

async fn get_unix(path: &std::path::Path) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.unwrap();
    text
}

#[tokio::test]
async fn a_unix_socket_replaces_the_file_of_a_process_that_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    // Nothing listens to it any more.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listen = format!("unix:{}", path.display());
    let app = full().with(server().listen(listen));
    let running = within(app.boot()).await.unwrap();
    assert!(get_unix(&path).await.ends_with("hello"));
    close(running).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_unix_socket_that_is_in_use_and_any_other_file_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listen = format!("unix:{}", path.display());
    let in_use = UnixListener::bind(&path).unwrap();
    let error = boot_error(server().listen(listen.clone())).await;
    assert!(error.contains("stop the process that does"), "{error}");
    drop(in_use);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    boot_error(server().listen(listen)).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

/// As systemd starts a service: the sockets are number 3 and the next ones.
#[test]
fn inherited_sockets_are_served() {
    let [first, second] = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = [&first, &second].map(|it| it.local_addr().unwrap().to_string());
    let script = "exec 3<&0 4<&2 </dev/null 2>/dev/null; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"";
    let child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "binding::serves_what_is_inherited", "--ignored"])
        .env("INHERITED", addresses.join(","))
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(first)))
        .stderr(Stdio::from(std::os::fd::OwnedFd::from(second)))
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}

#[tokio::test]
#[ignore = "runs in a process of its own, with sockets"]
async fn serves_what_is_inherited() {
    let expected = std::env::var("INHERITED").unwrap();
    let expected: Vec<SocketAddr> = expected.split(',').map(|it| it.parse().unwrap()).collect();
    for listen in ["fd:3", "fd:3,fd:4", "fd:4"] {
        // Also a second time, as after a restart.
        let (running, _) = boot(full(), server().listen(listen)).await;
        for (address, name) in expected.iter().zip(["fd:3", "fd:4"]) {
            if listen.contains(name) {
                assert!(get(*address, "/").await.ends_with("hello"));
            }
        }
        close(running).await;
    }
}

/// D1: what is set, and then the variable.
#[test]
fn the_port_of_the_environment_applies_unless_an_address_is_set() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "binding::serves_the_port_of_the_environment"])
        .arg("--ignored")
        .env("PORT", "0")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(output.contains("1 passed"), "{output}");
}

#[tokio::test]
#[ignore = "runs in a process of its own, with a variable"]
async fn serves_the_port_of_the_environment() {
    let (running, address) = boot(full(), Server::default()).await;
    assert_ne!(address.port(), 3000);
    assert!(address.ip().is_unspecified(), "{address}");
    close(running).await;
    let (running, address) = boot(full(), server()).await;
    assert!(address.ip().is_loopback(), "{address}");
    close(running).await;
}

/// A port that nothing listens to, for now.
fn unused() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Halts the load until it is let on.
#[plugin(name = "slow", collect = never)]
struct Slow {
    #[option(required)]
    gate: std::sync::Arc<tokio::sync::Semaphore>,
}

impl Hooks for Slow {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.gate.acquire().await?.forget();
        Ok(())
    }
}

/// F14: a key decides.
#[tokio::test]
async fn clients_wait_until_the_app_is_ready_or_are_refused_if_that_is_set() {
    let folder = tempfile::tempdir().unwrap();
    for is_refusing in [false, true] {
        let path = folder.path().join(format!("{is_refusing}.sock"));
        let address = unused();
        let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let listen = [address.to_string(), format!("unix:{}", path.display())];
        let server = server().listen(listen);
        let app = full()
            .with(Slow::new(std::sync::Arc::clone(&gate)))
            .with(server.refuse_until_ready(is_refusing));
        let booted = tokio::spawn(async move { within(app.boot()).await.unwrap() });
        until(|| path.exists()).await;
        if is_refusing {
            for _ in 0..3 {
                let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
                assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
                let refused = UnixStream::connect(&path).await.unwrap_err();
                assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
            }
            gate.add_permits(1);
            let running = booted.await.unwrap();
            assert!(get(address, "/").await.ends_with("hello"));
            assert!(get_unix(&path).await.ends_with("hello"));
            close(running).await;
        } else {
            let mut early = crate::support::Client::connect(address).await;
            early.get("/").await;
            assert!(early.is_silent().await);
            gate.add_permits(1);
            let running = booted.await.unwrap();
            assert!(early.response().await.ends_with("hello"));
            close(running).await;
        }
    }
}

#[tokio::test]
async fn a_port_that_is_taken_fails_the_boot_also_if_clients_are_refused_until_then() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = boot_error(server().listen(address).refuse_until_ready(true)).await;
    assert!(
        error.contains(&format!("can't listen on `{address}`")),
        "{error}"
    );
}

/// The error of a boot with a configuration, whose file is `service.toml`.
async fn error_with(toml: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.toml");
    std::fs::write(&path, toml).unwrap();
    let configuration = bootstrap::Configuration::new().file(&path);
    let app = full().with(Server::default()).configure(configuration);
    let text = within(app.boot()).await.unwrap_err().render();
    text.replace(&format!("{}/", folder.path().display()), "")
}

#[tokio::test]
async fn a_key_that_is_wrong_is_named_with_its_place() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (toml, wrong, place, help) in [
        (
            format!("[http]\nlisten = '{address}'"),
            "can't listen on",
            "2:",
            "another address in `http.listen`",
        ),
        (
            format!("http.listen = '127.0.0.1:0'\n[management]\nlisten = '{address}'"),
            "can't listen on",
            "3:",
            "another address in `management.listen`",
        ),
        (
            "[http]\nlisten = '3000'".to_owned(),
            "has no host",
            "2:",
            "correct it",
        ),
        (
            "[http]\nlisten = 'unix:/nowhere/app.sock'".to_owned(),
            "can't listen on `unix:/nowhere/app.sock`",
            "2:",
            "another path in `http.listen`",
        ),
        (
            "[http]\nlisten = 'fd:9'".to_owned(),
            "is not a listening socket",
            "2:",
            "socket activation",
        ),
        (
            "[http]\nidle_timeout = '0s'".to_owned(),
            "`http.idle_timeout` is a limit, which can't be zero",
            "2:",
            "set a duration",
        ),
        (
            "[http]\nmax_headers = 0".to_owned(),
            "`http.max_headers` is zero",
            "2:",
            "set a number",
        ),
        #[cfg(feature = "tls")]
        (
            "[http]\ntls.cert = 'nowhere.pem'\ntls.key = 'nowhere.key'\nlisten = '127.0.0.1:0'"
                .to_owned(),
            "can't read `nowhere.pem` (`http.tls.cert`)",
            "2:",
            "correct the path",
        ),
        #[cfg(feature = "tls")]
        (
            "[http]\ntls.cert = 'nowhere.pem'\nlisten = '127.0.0.1:0'".to_owned(),
            "`http.tls.cert` needs the key",
            "2:",
            "set `http.tls.key`",
        ),
        #[cfg(feature = "ws")]
        (
            "[http]\nwebsocket.origins = ['app.example']\nlisten = '127.0.0.1:0'".to_owned(),
            "`http.websocket.origins` has `app.example`, which is not an origin",
            "2:",
            "write `https://app.example`",
        ),
    ] {
        let text = error_with(&toml).await;
        assert!(text.contains(wrong), "{text}");
        assert!(
            text.contains(&format!("found: service.toml:{place}")),
            "{text}"
        );
        let last = text.lines().last().unwrap();
        assert!(last.contains("help: ") && last.contains(help), "{text}");
    }
}
