//! A small fuzzer: requests that are nearly right, in parts of any size. Each case is determined by its number.
//!
//! `FUZZ_SECONDS=60` runs it for a minute, and `FUZZ_FIRST=1234` begins with that case.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use futures_util::stream::{self, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::answers::{Answer, answers, shown};
use crate::process::Process;
use crate::support::{ask, within};

/// How many cases a run has without a time.
const CASES: u64 = 3000;

/// How many are played at the same time.
const AT_ONCE: usize = 100;

/// What the server may take for all of them, and for itself.
const MEMORY: u64 = 192 << 20;

/// What a request of the fuzzer may be answered with. 500 would be a bug.
const KNOWN: [u16; 15] = [
    101, 200, 204, 400, 403, 404, 405, 408, 413, 414, 415, 417, 422, 426, 431,
];

/// Requests that are right.
fn valid(rng: &mut Rng) -> Vec<u8> {
    let number = rng.u32(..);
    let body = "x".repeat(rng.usize(0..300));
    let length = body.len();
    let chunks = || {
        let bytes = body.as_bytes().chunks(37);
        let chunks = bytes.map(|it| format!("{:x}\r\n{}\r\n", it.len(), "x".repeat(it.len())));
        chunks.collect::<String>() + "0\r\n\r\n"
    };
    let text = match rng.u8(..12) {
        0 => "GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        1 => format!("GET /number/{number} HTTP/1.1\r\nhost: x\r\naccept: */*\r\n\r\n"),
        2 => format!(
            "GET /page?page={number}&x=%20y HTTP/1.1\r\nhost: x\r\ncookie: a=b; c=d\r\n\r\n"
        ),
        3 | 4 => {
            format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        5 | 6 => format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{}",
            chunks()
        ),
        7 => {
            let json = format!("{{\"numbers\": [1, 2, {number}]}}");
            let length = json.len();
            format!(
                "POST /sum HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}"
            )
        }
        8 => "HEAD / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        9 => format!(
            "POST /upload HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
        10 => "GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .to_owned(),
        _ => "OPTIONS * HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_owned(),
    };
    text.into_bytes()
}

/// What is put into a request somewhere, or at the end of a line.
const PIECES: [&str; 36] = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\t",
    " ",
    ":",
    ",",
    ";",
    "\r\n\r\n",
    "\r\n ",
    "%",
    "%zz",
    "%00",
    "/../",
    "?",
    "#",
    "\u{fffd}",
    "-1",
    "+5",
    "0x10",
    "99999999999999999999",
    "ffffffffffffffff",
    "\r\ncontent-length: 5",
    "\r\ncontent-length: 0",
    "\r\ntransfer-encoding: chunked",
    "\r\ntransfer-encoding: gzip",
    "\r\nconnection: close",
    "\r\nconnection: upgrade",
    "\r\nexpect: 100-continue",
    "\r\nhost: y",
    "\r\nupgrade: h2c",
    "\r\ntrailer: x",
    "0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.0",
];

/// What takes the place of the method.
const METHODS: [&str; 8] = [
    "PUT", "DELETE", "TRACE", "CONNECT", "OPTIONS", "get", "X-Y", "",
];

fn splice(bytes: &mut Vec<u8>, place: usize, remove: usize, put: &[u8]) {
    let end = (place + remove).min(bytes.len());
    bytes.splice(place..end, put.iter().copied());
}

/// Somewhere in the bytes, or behind them.
fn place(rng: &mut Rng, bytes: &[u8]) -> usize {
    rng.usize(..=bytes.len())
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = place(rng, bytes);
    let some = rng.usize(1..40);
    match rng.u8(..12) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
        1 => splice(bytes, at, 0, &[rng.u8(..)]),
        2 => splice(bytes, at, some, b""),
        3 => {
            let end = (at + some).min(bytes.len());
            let again = bytes[at..end].to_vec();
            splice(bytes, at, 0, &again);
        }
        4 | 5 => {
            let piece = PIECES[rng.usize(..PIECES.len())];
            splice(bytes, at, 0, piece.as_bytes());
        }
        // At the end of a line, which is where headers are.
        6 | 7 => {
            let ends = bytes
                .windows(2)
                .enumerate()
                .filter(|(_, it)| *it == b"\r\n");
            let ends: Vec<usize> = ends.map(|(place, _)| place).collect();
            if !ends.is_empty() {
                let piece = PIECES[rng.usize(..PIECES.len())];
                splice(bytes, ends[rng.usize(..ends.len())], 0, piece.as_bytes());
            }
        }
        8 => {
            let length = bytes.iter().take_while(|it| **it != b' ').count();
            let method = METHODS[rng.usize(..METHODS.len())];
            splice(bytes, 0, length, method.as_bytes());
        }
        // A digit of a length, of a chunk, of a version.
        9 => {
            let digits = bytes
                .iter()
                .enumerate()
                .filter(|(_, it)| it.is_ascii_digit());
            let digits: Vec<usize> = digits.map(|(place, _)| place).collect();
            if !digits.is_empty() {
                bytes[digits[rng.usize(..digits.len())]] = rng.u8(b'0'..=b'9');
            }
        }
        10 => bytes.truncate(at),
        // More than the limits, or about as much.
        11 => {
            let long = vec![b'y'; rng.usize(1..40_000)];
            splice(bytes, at, 0, &long);
        }
        _ => {}
    }
}

/// What a client does once it has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Reads,
    /// It closes its half of the connection, and reads.
    HalfCloses,
    Leaves,
}

/// Whether there is a whole head that upgrades the connection.
fn is_upgraded(read: &[u8]) -> bool {
    let begin = read.windows(13).position(|it| it == b"HTTP/1.1 101 ");
    begin.is_some_and(|begin| read[begin..].windows(4).any(|it| it == b"\r\n\r\n"))
}

struct Case {
    parts: Vec<Vec<u8>>,
    end: End,
}

impl Case {
    fn new(number: u64) -> Self {
        let mut rng = Rng::with_seed(number);
        let mut bytes = Vec::new();
        for _ in 0..[1, 1, 1, 2, 3, 8][rng.usize(..6)] {
            let mut request = valid(&mut rng);
            for _ in 0..[0, 1, 1, 1, 2, 3, 6][rng.usize(..7)] {
                mutate(&mut rng, &mut request);
            }
            bytes.append(&mut request);
        }
        let mut parts = Vec::new();
        while parts.len() < 6 && rng.bool() {
            let rest = bytes.split_off(place(&mut rng, &bytes));
            parts.push(std::mem::replace(&mut bytes, rest));
        }
        parts.push(bytes);
        let end = match rng.u8(..10) {
            0 | 1 => End::HalfCloses,
            2 => End::Leaves,
            _ => End::Reads,
        };
        Self { parts, end }
    }

    fn bytes(&self) -> Vec<u8> {
        self.parts.concat()
    }

    /// The answers of the server, which has closed the connection.
    async fn play(&self, address: SocketAddr) -> Result<Vec<Answer>, String> {
        let stream = TcpStream::connect(address).await;
        let mut stream = stream.map_err(|error| format!("can't connect: {error}"))?;
        let (mut reader, mut writer) = stream.split();
        let write = async {
            for part in &self.parts {
                // It may have closed already.
                if writer.write_all(part).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(1)).await;
            }
            if self.end == End::HalfCloses {
                let _ = writer.shutdown().await;
            }
        };
        if self.end == End::Leaves {
            write.await;
            return Ok(Vec::new());
        }
        let mut read = Vec::new();
        let reading = async {
            // A reset is an end. A websocket would stay.
            while reader.read_buf(&mut read).await.is_ok_and(|it| it > 0) {
                if is_upgraded(&read) {
                    return;
                }
            }
        };
        tokio::join!(write, reading);
        let sent = self.bytes();
        let may_be_head = sent.windows(4).any(|it| it == b"HEAD");
        let answers = answers(&read, may_be_head)?;
        let unknown = answers.iter().find(|it| !KNOWN.contains(&it.status));
        match unknown {
            Some(answer) => Err(format!("{}: {}", answer.status, answer.text())),
            // Each has at least the version.
            None if answers.len() > sent.windows(6).filter(|it| *it == b"HTTP/1").count() + 1 => {
                Err(format!("{} answers: {}", answers.len(), shown(&read)))
            }
            None => Ok(answers),
        }
    }
}

/// Asks for something right again and again, until it is over. Returns how often.
async fn asks(address: SocketAddr, is_over: Arc<AtomicBool>) -> usize {
    let mut count = 0;
    while !is_over.load(Ordering::SeqCst) {
        let response = ask(address, &format!("/number/{count}")).await;
        assert!(
            response.ends_with(&format!("\r\n\r\n{count}")),
            "{response}"
        );
        count += 1;
        sleep(Duration::from_millis(2)).await;
    }
    count
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

/// The server lives, answers what is right meanwhile, answers nothing else with what is not HTTP, and takes no more
/// memory than it should; and SIGTERM in the middle ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_nearly_right_do_no_harm() {
    let keys = [
        ("http.first_byte_timeout", "300ms"),
        ("http.header_timeout", "300ms"),
        ("http.idle_timeout", "300ms"),
        ("http.request_timeout", "300ms"),
        ("http.drain_timeout", "1s"),
    ];
    let process = Process::start(&keys).await;
    let address = process.address;
    let is_over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(asks(address, Arc::clone(&is_over)));
    let first = variable("FUZZ_FIRST").unwrap_or(0);
    let end = variable("FUZZ_SECONDS").map(|it| Instant::now() + Duration::from_secs(it));
    let numbers = (first..).take_while(|number| match end {
        Some(end) => Instant::now() < end,
        None => *number < first + CASES,
    });
    let (played, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let cases = stream::iter(numbers).map(|number| {
        tokio::spawn(async move {
            let case = Case::new(number);
            let answers = within(case.play(address)).await;
            answers.unwrap_or_else(|error| {
                let sent = shown(&case.bytes());
                panic!("case {number}, {:?}: {error}\nsent: {sent}", case.end)
            })
        })
    });
    cases
        .buffer_unordered(AT_ONCE)
        .for_each(|answers| {
            let answers = answers.expect("see above");
            played.fetch_add(1, Ordering::Relaxed);
            answered.fetch_add(answers.len(), Ordering::Relaxed);
            async {}
        })
        .await;
    is_over.store(true, Ordering::SeqCst);
    let (played, answered) = (played.into_inner(), answered.into_inner());
    let asked = asking.await.unwrap();
    let memory = process.peak_memory();
    println!(
        "{played} cases, {answered} answers, {asked} others, at most {} MiB",
        memory >> 20
    );
    assert!(answered > played / 10);
    assert!(asked > 0);
    assert!(memory < MEMORY, "{} MiB", memory >> 20);
    // Those that are played now may be cut off anywhere.
    let more = (0..AT_ONCE as u64).map(|number| {
        tokio::spawn(async move {
            let case = Case::new(number);
            let _ = within(case.play(address)).await;
        })
    });
    let more: Vec<_> = more.collect();
    let ended = process.end().await;
    ended.assert_success();
    for case in more {
        within(case).await.unwrap();
    }
}
