//! TLS, and certificates that change.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bootstrap::prelude::*;
use bootstrap_web::Health;
use bootstrap_web::axum::body::Bytes;
use bootstrap_web::axum::extract::ws::{Message, WebSocketUpgrade};
use bootstrap_web::prelude::*;
use bootstrap_web::server::{Bound, Listening, Server};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::{Client, LONG, Log, SHORT, Seen, app, boot, close, server, until, within};

const ONE: (&str, &str) = (
    include_str!("certificates/one.cert.pem"),
    include_str!("certificates/one.key.pem"),
);
const TWO: (&str, &str) = (
    include_str!("certificates/two.cert.pem"),
    include_str!("certificates/two.key.pem"),
);

/// Sends messages as fast as the client takes them, and does not end by itself.
async fn floods(upgrade: WebSocketUpgrade, seen: State<Seen>) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        let _begun = seen.begin();
        let message = Bytes::from(vec![b'x'; 4 << 10]);
        while socket.send(Message::Binary(message.clone())).await.is_ok() {}
    })
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new().get("/", || "hello").get("/floods", floods)
}

fn full() -> App {
    app(Api::default()).supply(Seen::default())
}

fn certificate((certificate, _): (&str, &str)) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()
}

/// The files of a certificate.
struct Files(TempDir);

impl Files {
    fn new(content: (&str, &str)) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(content);
        files
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = &self.0.path().join(name);
        path.display().to_string()
    }

    fn write(&self, (certificate, key): (&str, &str)) {
        std::fs::write(self.path("cert.pem"), certificate).unwrap();
        std::fs::write(self.path("key.pem"), key).unwrap();
    }

    fn server(&self) -> Server {
        server().tls(self.path("cert.pem"), self.path("key.pem"))
    }
}

/// A client that trusts both certificates.
async fn connect(address: SocketAddr, alpn: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(ONE)).unwrap();
    roots.add(certificate(TWO)).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols.push(alpn.to_vec());
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    within(connector.connect(name, stream)).await.unwrap()
}

/// The certificate of new connections.
async fn presented(address: SocketAddr) -> CertificateDer<'static> {
    let stream = connect(address, b"http/1.1").await;
    stream.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

async fn hello(stream: &mut TlsStream<TcpStream>) -> String {
    let request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    within(stream.write_all(request.as_bytes())).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"hello") {
        assert_ne!(within(stream.read_buf(&mut text)).await.unwrap(), 0);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn requests_are_answered_over_tls() {
    let files = Files::new(ONE);
    let (running, address) = boot(full(), files.server()).await;
    let listening = running.try_get::<State<Listening>>().unwrap();
    assert_eq!(listening.to_string(), format!("https://{address}"));
    let mut stream = connect(address, b"http/1.1").await;
    for _ in 0..2 {
        let response = hello(&mut stream).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
    close(running).await;
    let mut rest = Vec::new();
    // With the end that TLS requires.
    assert_eq!(within(stream.read_to_end(&mut rest)).await.unwrap(), 0);
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn http_2_is_spoken_over_tls() {
    use http_body_util::{BodyExt as _, Empty};
    use hyper::body::Bytes;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let files = Files::new(ONE);
    let (running, address) = boot(full(), files.server()).await;
    let stream = connect(address, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = TokioIo::new(stream);
    let executor = TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Empty::<Bytes>::new());
    let response = within(sender.send_request(request.unwrap())).await.unwrap();
    let body = within(response.into_body().collect()).await.unwrap();
    assert_eq!(body.to_bytes(), "hello");
    close(running).await;
}

#[tokio::test]
async fn a_certificate_that_changes_is_the_one_of_new_connections() {
    let log = Log::get();
    let files = Files::new(ONE);
    let (running, address) = boot(full(), files.server()).await;
    assert_eq!(presented(address).await, certificate(ONE));
    let mut kept = connect(address, b"http/1.1").await;
    hello(&mut kept).await;
    // A mistake changes nothing, and is reported.
    files.write((TWO.0, ONE.1));
    until(|| log.has("the certificate stays as it is: the key in ")).await;
    assert_eq!(presented(address).await, certificate(ONE));
    files.write(TWO);
    until(|| log.has("the certificate has changed")).await;
    assert_eq!(presented(address).await, certificate(TWO));
    hello(&mut kept).await;
    close(running).await;
}

#[tokio::test]
async fn what_is_no_handshake_is_closed() {
    let files = Files::new(ONE);
    let (running, address) = boot(full(), files.server().header_timeout(SHORT)).await;
    let mut half = Client::connect(address).await;
    half.send("\u{16}\u{3}\u{1}").await;
    assert_eq!(half.rest().await, "");
    close(running).await;
    let (running, address) = boot(full(), files.server()).await;
    let mut plain = Client::connect(address).await;
    plain.get("/").await;
    assert!(!plain.rest().await.contains("hello"));
    let mut stream = connect(address, b"http/1.1").await;
    hello(&mut stream).await;
    close(running).await;
}

/// F3: with the file.
#[tokio::test]
async fn files_that_are_no_certificate_fail_the_boot() {
    let files = Files::new(ONE);
    let (certificate, key) = (files.path("cert.pem"), files.path("key.pem"));
    for (server, expected) in [
        (
            server().tls("/no/such", &key),
            "can't read `/no/such` (`http.tls.cert`)",
        ),
        (server().tls(&key, &key), "has no certificate in PEM"),
        (
            server().tls(&certificate, &certificate),
            "has no private key in PEM",
        ),
        (server().tls(&certificate, ""), "set `http.tls.key`"),
        (server().tls("", &key), "set `http.tls.cert`"),
    ] {
        let app = full().with(server);
        let error = within(app.boot()).await.unwrap_err().render();
        assert!(error.contains("[http] Plugin load failed: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    files.write((ONE.0, TWO.1));
    let app = full().with(files.server());
    let error = within(app.boot()).await.unwrap_err().to_string();
    assert!(error.contains("is not that of"), "{error}");
}

#[tokio::test]
async fn the_listener_for_management_speaks_tls_as_well() {
    let files = Files::new(ONE);
    let app = full().with(Health::default());
    let (running, _) = boot(app, files.server().management("127.0.0.1:0")).await;
    let listening = running.try_get::<State<Listening>>().unwrap();
    let [Bound::Tcp(address)] = listening.management() else {
        panic!("{listening:?}");
    };
    let mut stream = connect(*address, b"http/1.1").await;
    let request = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    within(stream.write_all(request)).await.unwrap();
    let mut text = String::new();
    let _ = within(stream.read_to_string(&mut text)).await;
    assert!(text.ends_with("\r\n\r\nlive"), "{text}");
    close(running).await;
}

/// A client that has sent nothing waits for nothing.
#[tokio::test]
async fn a_connection_without_a_handshake_is_closed_at_once_when_the_server_stops() {
    let files = Files::new(ONE);
    let server = files.server().drain_timeout(LONG);
    let (running, address) = boot(full().shutdown_timeout(LONG), server).await;
    let mut silent = Client::connect(address).await;
    // The server knows it: connections are accepted in order.
    presented(address).await;
    close(running).await;
    assert_eq!(silent.rest().await, "");
}

#[tokio::test]
async fn a_connection_that_does_not_begin_a_handshake_has_the_time_of_a_first_byte() {
    let files = Files::new(ONE);
    let server = files.server().first_byte_timeout(SHORT);
    let (running, address) = boot(full(), server).await;
    assert_eq!(Client::connect(address).await.rest().await, "");
    close(running).await;
}

/// What waits in its buffers does not keep it.
#[tokio::test]
async fn a_websocket_whose_client_never_reads_is_cut_after_its_grace() {
    let files = Files::new(ONE);
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let server = files.server().stream_grace(SHORT).drain_timeout(LONG);
    let (running, address) = boot(app.shutdown_timeout(LONG), server).await;
    let mut stream = connect(address, b"http/1.1").await;
    let request = "GET /floods HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    within(stream.write_all(request.as_bytes())).await.unwrap();
    seen.have_begun(1).await;
    // It fills all buffers.
    sleep(4 * SHORT).await;
    close(running).await;
    seen.have_dropped(1).await;
    drop(stream);
}

/// A probe of a load balancer that connects and leaves is no fault.
#[cfg(feature = "metrics")]
#[test]
fn connections_of_tls_that_end_by_the_fault_of_their_clients_are_counted() {
    let test = async {
        let files = Files::new(ONE);
        for (server, bytes) in [
            (files.server().first_byte_timeout(SHORT), ""),
            (files.server().header_timeout(SHORT), "\u{16}\u{3}\u{1}"),
            (files.server(), "GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
        ] {
            let (running, address) = boot(full(), server).await;
            drop(Client::connect(address).await);
            let mut client = Client::connect(address).await;
            client.send(bytes).await;
            client.rest().await;
            close(running).await;
        }
    };
    let faults = crate::support::faults(test);
    assert_eq!(
        faults,
        ["first_byte_timeout 1", "handshake 1", "header_timeout 1"]
    );
}
