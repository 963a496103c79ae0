//! Requests whose end two readers may see in different places, after the corpus of hyper, RFC 9112, and what proxies
//! were bitten by. Each is refused, or treated as exactly one request.

use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

use crate::answers::{answers, shown};
use crate::support::{Client, Seen, app, boot, close, server};

async fn smuggled(seen: State<Seen>) -> &'static str {
    seen.begin();
    "smuggled"
}

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new()
        .get("/", || "hello")
        .get("/last", || "last")
        .post("/echo", async |body: String| body)
        .get("/smuggled", smuggled)
        .post("/smuggled", smuggled)
        .group(|group| {
            group
                .body_limit(8)
                .post("/limited", async |body: String| body)
        })
}

/// What the server does with a case, which is followed by a request for `/last`.
#[derive(Clone, Copy)]
enum Then {
    /// 400, and the connection is closed.
    Refused,
    /// 400, with a problem. What follows is the next request.
    NotOneHost,
    /// 413. What follows is the next request.
    TooLarge,
    /// 200 with this body. What follows is the next request.
    One(&'static str),
    /// 200 with this body, and the connection is closed: RFC 9112, 6.1.
    Last(&'static str),
    /// 200 without a body, since nothing that is known announces one. What follows is not a request: 400.
    NoBody,
}

use Then::{Last, NoBody, NotOneHost, One, Refused, TooLarge};

/// A request for `/echo` with these lines, and what follows them.
fn post(lines: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nhost: x\r\n{lines}\r\n\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("transfer-encoding: chunked", body)
}

fn head(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: x\r\n{lines}\r\n\r\n")
}

const CHUNKS: &str = "5\r\nhello\r\n0\r\n\r\n";
const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

type Case = (&'static str, String, Then);

/// Plays cases, each on a connection of its own.
async fn play(cases: Vec<Case>) {
    let seen = Seen::default();
    let app = app(Api::default()).supply(seen.clone());
    let (running, address) = boot(app, server()).await;
    let mut failed = Vec::new();
    for (name, request, then) in cases {
        let mut client = Client::connect(address).await;
        let last = "GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        client.send(&(request.clone() + last)).await;
        let bytes = client.rest_bytes().await;
        let expected: &[(u16, Option<&str>)] = match then {
            Refused => &[(400, None)],
            NotOneHost => &[(400, None), (200, Some("last"))],
            TooLarge => &[(413, None), (200, Some("last"))],
            One(body) => &[(200, Some(body)), (200, Some("last"))],
            Last(body) => &[(200, Some(body))],
            NoBody => &[(200, Some("")), (400, None)],
        };
        let got = answers(&bytes, request.starts_with("HEAD"));
        let is_expected = got.as_ref().is_ok_and(|got| {
            let mut pairs = got.iter().zip(expected);
            got.len() == expected.len()
                && pairs.all(|(got, (status, body))| {
                    got.status == *status && body.is_none_or(|body| got.text() == body)
                })
        });
        let hidden = seen.dropped.swap(0, std::sync::atomic::Ordering::SeqCst);
        if !is_expected || hidden > 0 {
            let shown = shown(&bytes);
            failed.push(format!("{name}: {expected:?}, {hidden} smuggled: {shown}"));
        }
    }
    close(running).await;
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn a_length_is_read_in_one_way_or_refused() {
    let five = |length: &str| post(&format!("content-length: {length}"), "hello");
    play(vec![
        ("plain", five("5"), One("hello")),
        ("zeros in front", five("005"), One("hello")),
        ("spaces around", five("  5 \t"), One("hello")),
        ("a plus", five("+5"), Refused),
        ("a minus", five("-5"), Refused),
        ("a space inside", five("5 0"), Refused),
        ("a list", five("5, 5"), Refused),
        ("hexadecimal", five("0x5"), Refused),
        ("a letter", five("5a"), Refused),
        ("a fraction", five("5.0"), Refused),
        ("an exponent", five("5e0"), Refused),
        ("nothing", five(""), Refused),
        ("quotes", five("\"5\""), Refused),
        ("other digits", five("\u{665}"), Refused),
        ("more than 64 bits", five("18446744073709551621"), Refused),
        (
            "the same twice",
            five("5\r\ncontent-length: 5"),
            One("hello"),
        ),
        ("two values", five("5\r\ncontent-length: 6"), Refused),
        (
            "two values, one of them empty",
            five("5\r\ncontent-length:"),
            Refused,
        ),
        (
            "a space in front of the colon",
            post("content-length : 5", "hello"),
            Refused,
        ),
        (
            "another name",
            post("content_length: 7", "hello\r\n"),
            NoBody,
        ),
        (
            "a request inside the body",
            post(&format!("content-length: {}", HIDDEN.len()), HIDDEN),
            One(HIDDEN),
        ),
        (
            "a body of GET with a request inside",
            format!(
                "{}{HIDDEN}",
                head(&format!("content-length: {}", HIDDEN.len()))
            ),
            One("hello"),
        ),
        (
            "a body of HEAD with a request inside",
            format!(
                "HEAD / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{HIDDEN}",
                HIDDEN.len()
            ),
            One(""),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_transfer_encoding_is_chunked_at_the_end_or_refused() {
    let with = |value: &str| post(&format!("transfer-encoding: {value}"), CHUNKS);
    play(vec![
        ("chunked", with("chunked"), One("hello")),
        ("capitals", with("CHUNKED"), One("hello")),
        ("spaces around", with(" \tchunked \t"), One("hello")),
        ("after another one", with("gzip, chunked"), One("hello")),
        (
            "after another line",
            with("gzip\r\ntransfer-encoding: chunked"),
            One("hello"),
        ),
        ("not at the end", with("chunked, gzip"), Refused),
        (
            "not in the last line",
            with("chunked\r\ntransfer-encoding: gzip"),
            Refused,
        ),
        ("identity", with("identity"), Refused),
        ("identity at the end", with("chunked, identity"), Refused),
        (
            "an empty line at the end",
            with("chunked\r\ntransfer-encoding:"),
            Refused,
        ),
        ("another one", with("gzip"), Refused),
        ("nothing", with(""), Refused),
        ("something in front", with("xchunked"), Refused),
        ("something behind", with("chunkedx"), Refused),
        ("quotes", with("\"chunked\""), Refused),
        ("parameters", with("chunked;q=1"), Refused),
        ("a vertical tab", with("\u{b}chunked"), Refused),
        ("a zero", with("chunked\0"), Refused),
        ("a bare carriage return", with("\rchunked"), Refused),
        ("folded", with("\r\n chunked"), Refused),
        (
            "a space in front of the colon",
            post("transfer-encoding : chunked", CHUNKS),
            Refused,
        ),
        (
            "another name",
            post("transfer_encoding: chunked", CHUNKS),
            NoBody,
        ),
        (
            "HTTP/1.0",
            format!("POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKS}"),
            Refused,
        ),
    ])
    .await;
}

/// With both there is one request, by its chunks, and never a second one on this connection.
#[tokio::test]
async fn a_length_beside_chunks_is_ignored_and_the_connection_closed() {
    let hidden = format!("5\r\nhello\r\n0\r\n\r\n{HIDDEN}");
    play(vec![
        (
            "the length first",
            post("content-length: 4\r\ntransfer-encoding: chunked", &hidden),
            Last("hello"),
        ),
        (
            "the chunks first",
            post("transfer-encoding: chunked\r\ncontent-length: 4", &hidden),
            Last("hello"),
        ),
        (
            "a length between two lines",
            post(
                "transfer-encoding: gzip\r\ncontent-length: 4\r\ntransfer-encoding: chunked",
                &hidden,
            ),
            Last("hello"),
        ),
        (
            "a request to keep the connection",
            post(
                "connection: keep-alive\r\ncontent-length: 4\r\ntransfer-encoding: chunked",
                &hidden,
            ),
            Last("hello"),
        ),
        (
            "a length that is none behind the chunks",
            post("transfer-encoding: chunked\r\ncontent-length: x", &hidden),
            Last("hello"),
        ),
        (
            "a length that is none in front of the chunks",
            post("content-length: x\r\ntransfer-encoding: chunked", &hidden),
            Refused,
        ),
        (
            "a length, and an encoding that is not chunked",
            post("content-length: 5\r\ntransfer-encoding: gzip", "hello"),
            Refused,
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_size_of_a_chunk_is_read_in_one_way_or_refused() {
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000));
    let hidden = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    play(vec![
        ("plain", chunked(CHUNKS), One("hello")),
        (
            "several",
            chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
            One("hello"),
        ),
        ("a request inside", chunked(&hidden), One(HIDDEN)),
        (
            "zeros in front",
            chunked("005\r\nhello\r\n000\r\n\r\n"),
            One("hello"),
        ),
        (
            "capitals",
            chunked("A\r\nhellohello\r\n0\r\n\r\n"),
            One("hellohello"),
        ),
        (
            "spaces behind the size",
            chunked("5 \t\r\nhello\r\n0\r\n\r\n"),
            One("hello"),
        ),
        (
            "an extension",
            chunked("5;a=b\r\nhello\r\n0;c\r\n\r\n"),
            One("hello"),
        ),
        (
            "an extension with quotes",
            chunked("5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n"),
            One("hello"),
        ),
        (
            "a line feed in an extension",
            chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"),
            Refused,
        ),
        ("an extension without an end", chunked(&long), Refused),
        ("no size", chunked("\r\nhello\r\n0\r\n\r\n"), Refused),
        (
            "a space in front of the size",
            chunked(" 5\r\nhello\r\n0\r\n\r\n"),
            Refused,
        ),
        ("a plus", chunked("+5\r\nhello\r\n0\r\n\r\n"), Refused),
        ("a minus", chunked("-5\r\nhello\r\n0\r\n\r\n"), Refused),
        ("a prefix", chunked("0x5\r\nhello\r\n0\r\n\r\n"), Refused),
        (
            "an underscore",
            chunked("0_5\r\nhello\r\n0\r\n\r\n"),
            Refused,
        ),
        ("two sizes", chunked("5 5\r\nhello\r\n0\r\n\r\n"), Refused),
        (
            "more than 64 bits",
            chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"),
            Refused,
        ),
    ])
    .await;
}

#[tokio::test]
async fn chunks_end_where_their_sizes_say_or_are_refused() {
    let trailers = format!("5\r\nhello\r\n0\r\n{}\r\n", "x: y\r\n".repeat(10_000));
    play(vec![
        (
            "a bare line feed behind the size",
            chunked("5\nhello\r\n0\r\n\r\n"),
            Refused,
        ),
        (
            "a bare carriage return",
            chunked("5\rhello\r\n0\r\n\r\n"),
            Refused,
        ),
        (
            "a bare line feed behind the data",
            chunked("5\r\nhello\n0\r\n\r\n"),
            Refused,
        ),
        (
            "less data than its size",
            chunked("6\r\nhello\r\n0\r\n\r\n"),
            Refused,
        ),
        (
            "more data than its size",
            chunked("4\r\nhello\r\n0\r\n\r\n"),
            Refused,
        ),
        (
            "no end behind the data",
            chunked("5\r\nhello0\r\n\r\n"),
            Refused,
        ),
        (
            "trailers",
            chunked("5\r\nhello\r\n0\r\nx: y\r\n\r\n"),
            One("hello"),
        ),
        (
            "trailers with a length and an encoding",
            chunked("5\r\nhello\r\n0\r\ncontent-length: 9\r\ntransfer-encoding: gzip\r\n\r\n"),
            One("hello"),
        ),
        ("too many trailers", chunked(&trailers), Refused),
        (
            "a request in place of the end",
            chunked(&format!("5\r\nhello\r\n0\r\n{HIDDEN}")),
            Refused,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_head_is_read_in_one_way_or_refused() {
    let line = |line: &str| format!("{line}\r\nhost: x\r\n\r\n");
    play(vec![
        ("empty lines in front", format!("\r\n\r\n{}", line("GET / HTTP/1.1")), One("hello")),
        ("bare line feeds", "GET / HTTP/1.1\nhost: x\n\n".to_owned(), One("hello")),
        ("a header that is folded", head("x: a\r\n b"), Refused),
        ("a header that is folded by a tab", head("x: a\r\n\tb"), Refused),
        ("a space in front of the first header", line("GET / HTTP/1.1\r\n x: y"), Refused),
        ("a header without a colon", head("x"), Refused),
        ("a header without a name", head(": y"), Refused),
        ("a space in the name", head("x y: z"), Refused),
        ("a space behind the name", head("x : y"), Refused),
        ("a zero in the name", head("x\0: y"), Refused),
        ("a zero in a value", head("x: \0"), Refused),
        ("a bare carriage return in a value", head("x: a\rb"), Refused),
        ("a bare carriage return as the end of a header", head("x: a\ry: b"), Refused),
        ("no version", line("GET /"), Refused),
        ("an old version", line("GET / HTTP/0.9"), Refused),
        ("a version that does not exist", line("GET / HTTP/1.2"), Refused),
        ("a version of another protocol", line("GET / HTTP/2.0"), Refused),
        ("a version in small letters", line("GET / http/1.1"), Refused),
        ("a version with more digits", line("GET / HTTP/1.10"), Refused),
        ("two spaces", line("GET  / HTTP/1.1"), Refused),
        ("a tab", line("GET\t/ HTTP/1.1"), Refused),
        ("something behind the version", line("GET / HTTP/1.1 x"), Refused),
        ("a space in the target", line("GET /a b HTTP/1.1"), Refused),
        ("a zero in the target", line("GET /\0 HTTP/1.1"), Refused),
        ("no target", line("GET HTTP/1.1"), Refused),
        ("a colon in the method", line("G:ET / HTTP/1.1"), Refused),
        ("another host in the target", line("GET http://y/ HTTP/1.1"), One("hello")),
        ("no host", "GET / HTTP/1.1\r\nx: y\r\n\r\n".to_owned(), NotOneHost),
        ("two hosts", head("host: y"), NotOneHost),
        ("one host twice", head("host: x"), NotOneHost),
        ("a host with a space", "GET / HTTP/1.1\r\nhost: x y\r\n\r\n".to_owned(), NotOneHost),
        ("a host with a path", "GET / HTTP/1.1\r\nhost: x/y\r\n\r\n".to_owned(), NotOneHost),
        ("a host with a user", "GET / HTTP/1.1\r\nhost: x@y\r\n\r\n".to_owned(), NotOneHost),
        ("an address of IPv6", "GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n".to_owned(), One("hello")),
        ("an empty host", "GET / HTTP/1.1\r\nhost:\r\n\r\n".to_owned(), One("hello")),
        ("two hosts of HTTP/1.0", line("GET / HTTP/1.0\r\nconnection: keep-alive\r\nhost: y"), NotOneHost),
        (
            "a connection that is upgraded, with a request behind it",
            head("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__"),
            One("hello"),
        ),
        (
            "a request that is to be kept and closed",
            head("connection: close\r\nconnection: keep-alive"),
            Last("hello"),
        ),
        ("HTTP/1.0", format!("GET / HTTP/1.0\r\n\r\n{HIDDEN}"), Last("hello")),
    ])
    .await;
}

/// The answer comes before the body has, which is not a request.
#[tokio::test]
async fn what_a_handler_does_not_read_of_a_body_is_not_a_request() {
    let length = HIDDEN.len();
    play(vec![
        (
            "a limit, by the length",
            format!("POST /limited HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{HIDDEN}"),
            TooLarge,
        ),
        (
            "a limit, as it comes",
            format!(
                "POST /limited HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n"
            ),
            TooLarge,
        ),
        (
            "a client that waits for 100",
            post(&format!("expect: 100-continue\r\ncontent-length: {length}"), HIDDEN),
            One(HIDDEN),
        ),
    ])
    .await;
}
