//! Channels of server-sent events.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use bootstrap::prelude::*;
use bootstrap::{Configuration, RequestState, Running};
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::sse::{
    Authorize, SseError, SseEvent, SseHub, SseHubPlugin, SseStream, async_trait,
};
use bootstrap_services::testing::{MemoryBus, VirtualClock};
use bootstrap_web::prelude::*;
use bootstrap_web::server::{Listening, Server};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing in a test takes this long.
const DEADLINE: Duration = Duration::from_mins(1);

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("in time")
}

fn plugin() -> SseHubPlugin {
    SseHubPlugin::default().public(vec!["orders".into(), "news.*".into()])
}

fn time() -> VirtualClock {
    VirtualClock::starting_at(SystemTime::UNIX_EPOCH)
}

fn app(plugin: SseHubPlugin) -> App {
    App::new().supply(time().clock()).with(plugin)
}

async fn boot(app: App) -> (Running, State<SseHub>) {
    let running = within(app.boot()).await.unwrap();
    let hub = running.try_get().unwrap();
    (running, hub)
}

async fn close(running: Running) {
    within(running.close()).await.unwrap();
}

fn send(hub: &SseHub, channel: &str, number: u32) -> usize {
    let event = SseEvent::json(&number).unwrap().named("number").unwrap();
    hub.channel(channel).unwrap().send(&event).unwrap()
}

async fn piece(stream: &mut SseStream) -> String {
    let piece = within(stream.next()).await.expect("the stream goes on");
    String::from_utf8(piece.to_vec()).unwrap()
}

/// The fields of the next event.
async fn event(stream: &mut SseStream) -> HashMap<String, String> {
    let piece = piece(stream).await;
    let lines = piece.strip_suffix("\n\n").expect("a whole event").lines();
    let fields = lines.map(|line| line.split_once(": ").expect("a field"));
    fields
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// The data of the events that are there, without waiting.
fn data(stream: &mut SseStream) -> Vec<String> {
    let mut data = Vec::new();
    while let Some(Some(piece)) = stream.next().now_or_never() {
        let piece = String::from_utf8(piece.to_vec()).unwrap();
        let lines = piece.lines();
        data.extend(lines.filter_map(|it| it.strip_prefix("data: ").map(str::to_owned)));
    }
    data
}

async fn subscribe(hub: &SseHub, channels: &[&str], id: Option<&str>) -> SseStream {
    within(hub.subscribe(channels, id)).await.unwrap()
}

/// D45: a broadcast to the clients of a channel.
#[tokio::test]
async fn two_clients_get_the_events_of_their_channels() {
    let (running, hub) = boot(app(plugin())).await;
    let mut one = subscribe(&hub, &["orders"], None).await;
    let mut other = subscribe(&hub, &["orders", "news.today"], None).await;
    assert_eq!(hub.clients(), 2);
    assert_eq!(send(&hub, "orders", 1), 2);
    assert_eq!(send(&hub, "news.today", 2), 1);
    assert_eq!(send(&hub, "news.never", 3), 0);
    assert!(piece(&mut one).await.ends_with("retry: 3000\n\n"));
    let first = event(&mut one).await;
    assert_eq!((&*first["event"], &*first["data"]), ("number", "1"));
    assert_eq!(data(&mut other), ["1", "2"]);
    assert!(data(&mut one).is_empty());
    drop(one);
    assert_eq!((hub.clients(), send(&hub, "orders", 4)), (1, 1));
    drop(other);
    assert_eq!(hub.clients(), 0);
    close(running).await;
}

/// A fault of the original: no replay.
#[tokio::test]
async fn a_client_that_connects_again_gets_what_it_has_missed() {
    let (running, hub) = boot(app(plugin())).await;
    let mut client = subscribe(&hub, &["orders", "news.today"], None).await;
    send(&hub, "orders", 1);
    piece(&mut client).await;
    let id = event(&mut client).await["id"].clone();
    drop(client);
    send(&hub, "news.today", 2);
    send(&hub, "news.other", 3);
    send(&hub, "orders", 4);
    let mut again = subscribe(&hub, &["orders", "news.today"], Some(&id)).await;
    send(&hub, "orders", 5);
    assert_eq!(piece(&mut again).await, "retry: 3000\n\n");
    // In order over all channels, and each once.
    assert_eq!(data(&mut again), ["2", "4", "5"]);
    close(running).await;
}

#[tokio::test]
async fn a_client_that_loses_its_connection_before_an_event_misses_nothing() {
    let (running, hub) = boot(app(plugin())).await;
    send(&hub, "orders", 1);
    let mut client = subscribe(&hub, &["orders"], None).await;
    let id = event(&mut client).await["id"].clone();
    drop(client);
    send(&hub, "orders", 2);
    let mut again = subscribe(&hub, &["orders"], Some(&id)).await;
    assert_eq!(data(&mut again), ["2"]);
    close(running).await;
}

#[tokio::test]
async fn a_replay_may_be_longer_than_the_queue() {
    let (running, hub) = boot(app(plugin().queue(1))).await;
    let mut client = subscribe(&hub, &["orders"], None).await;
    let id = event(&mut client).await["id"].clone();
    drop(client);
    let sent: Vec<_> = (0..100)
        .map(|number| {
            send(&hub, "orders", number);
            number.to_string()
        })
        .collect();
    let mut again = subscribe(&hub, &["orders"], Some(&id)).await;
    assert_eq!(data(&mut again), sent);
    close(running).await;
}

#[tokio::test]
async fn an_id_that_is_too_old_resets_the_client() {
    let (running, hub) = boot(app(plugin().history(2))).await;
    let mut client = subscribe(&hub, &["orders"], None).await;
    let id = event(&mut client).await["id"].clone();
    drop(client);
    send(&hub, "orders", 1);
    send(&hub, "orders", 2);
    let mut at_limit = subscribe(&hub, &["orders"], Some(&id)).await;
    assert_eq!(data(&mut at_limit), ["1", "2"]);
    send(&hub, "orders", 3);
    let mut again = subscribe(&hub, &["orders"], Some(&id)).await;
    piece(&mut again).await;
    let reset = event(&mut again).await;
    assert_eq!((&*reset["event"], &*reset["data"]), ("reset", "{}"));
    // From there on the client goes on as any other.
    send(&hub, "orders", 4);
    assert_eq!(data(&mut again), ["4"]);
    let mut later = subscribe(&hub, &["orders"], Some(&reset["id"])).await;
    assert_eq!(data(&mut later), ["4"]);
    close(running).await;
}

#[tokio::test]
async fn an_id_of_another_process_resets_the_client() {
    let (running, hub) = boot(app(plugin())).await;
    let (earlier, before) = boot(app(plugin())).await;
    let mut client = subscribe(&before, &["orders"], None).await;
    let id = event(&mut client).await["id"].clone();
    drop(client);
    send(&hub, "orders", 1);
    let (epoch, _) = hub_id(&hub).await;
    let future = format!("{epoch}-99");
    for wrong in [&*id, &*future, "", "-", "7", "no id", "\u{1f600}"] {
        let mut client = subscribe(&hub, &["orders"], Some(wrong)).await;
        piece(&mut client).await;
        assert_eq!(event(&mut client).await["event"], "reset", "{wrong}");
    }
    close(running).await;
    close(earlier).await;
}

async fn hub_id(hub: &SseHub) -> (String, String) {
    let mut client = subscribe(hub, &["orders"], None).await;
    let id = event(&mut client).await["id"].clone();
    let (epoch, number) = id.split_once('-').unwrap();
    (epoch.to_owned(), number.to_owned())
}

/// A fault of the original: no backpressure.
#[tokio::test]
async fn a_client_that_is_too_slow_is_told_and_closed() {
    let (running, hub) = boot(app(plugin().queue(3))).await;
    let mut slow = subscribe(&hub, &["orders"], None).await;
    let mut fast = subscribe(&hub, &["orders"], None).await;
    for number in 1..=3 {
        assert_eq!(send(&hub, "orders", number), 2);
        assert_eq!(data(&mut fast), [number.to_string()]);
    }
    assert_eq!(send(&hub, "orders", 4), 1);
    piece(&mut slow).await;
    let mut id = String::new();
    for number in 1..=3 {
        let event = event(&mut slow).await;
        assert_eq!(event["data"], number.to_string());
        id.clone_from(&event["id"]);
    }
    assert_eq!(piece(&mut slow).await, "event: lagged\ndata: {}\n\n");
    assert!(within(slow.next()).await.is_none());
    assert_eq!(data(&mut fast), ["4"]);
    // It connects again, and has lost nothing.
    let mut again = subscribe(&hub, &["orders"], Some(&id)).await;
    assert_eq!(data(&mut again), ["4"]);
    close(running).await;
}

#[tokio::test]
async fn a_heartbeat_is_sent_after_silence() {
    let time = time();
    let app = App::new().supply(time.clock()).with(plugin());
    let (running, hub) = boot(app).await;
    let mut client = subscribe(&hub, &["orders"], None).await;
    piece(&mut client).await;
    let pieces = tokio::spawn(async move {
        let mut pieces = Vec::new();
        while let Some(piece) = client.next().await {
            pieces.push(String::from_utf8(piece.to_vec()).unwrap());
        }
        pieces
    });
    time.advance(Duration::from_secs(14)).await;
    send(&hub, "orders", 1);
    // The event has begun the silence anew.
    time.advance(Duration::from_secs(14)).await;
    time.advance(Duration::from_secs(1)).await;
    time.advance(Duration::from_secs(15)).await;
    close(running).await;
    let pieces = within(pieces).await.unwrap();
    assert_eq!(pieces.len(), 3, "{pieces:?}");
    assert_eq!(pieces[1..], [":\n\n", ":\n\n"]);
}

#[tokio::test]
async fn streams_end_when_the_app_drains() {
    let (running, hub) = boot(app(plugin())).await;
    let mut client = subscribe(&hub, &["orders"], None).await;
    piece(&mut client).await;
    send(&hub, "orders", 1);
    let hub = (*hub).clone();
    close(running).await;
    // What waits is not lost, and it is no lag.
    assert_eq!(event(&mut client).await["data"], "1");
    assert!(within(client.next()).await.is_none());
    let refused = hub.subscribe(&["orders"], None).await.unwrap_err();
    assert!(matches!(refused, SseError::Stopping));
}

#[tokio::test]
async fn the_number_of_clients_is_limited() {
    let configuration = Configuration::new().set("sse.clients", 2);
    let (running, hub) = boot(app(plugin()).configure(configuration)).await;
    let one = subscribe(&hub, &["orders"], None).await;
    let _two = subscribe(&hub, &["orders"], None).await;
    let refused = hub.subscribe(&["orders"], None).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there are 2 clients already: set `sse.clients` to more"
    );
    drop(one);
    let _three = subscribe(&hub, &["orders"], None).await;
    close(running).await;
}

#[tokio::test]
async fn the_number_of_channels_is_limited() {
    let (running, hub) = boot(app(plugin())).await;
    let old = subscribe(&hub, &["orders"], None).await;
    let (_, start) = hub_id(&hub).await;
    assert_eq!(start, "0");
    let mut client = subscribe(&hub, &["news.today"], None).await;
    let id = event(&mut client).await["id"].clone();
    drop(client);
    send(&hub, "news.today", 1);
    // The limit is 10,000: the channel without clients that is idle for the longest time is forgotten.
    for number in 0..10_000 {
        send(&hub, &format!("of.{number}"), number);
    }
    let mut again = subscribe(&hub, &["news.today"], Some(&id)).await;
    piece(&mut again).await;
    assert_eq!(event(&mut again).await["event"], "reset");
    assert_eq!(send(&hub, "orders", 1), 1, "a channel with clients stays");
    drop(old);
    close(running).await;
}

#[tokio::test]
async fn bad_input_is_a_typed_error() {
    let (running, hub) = boot(app(plugin())).await;
    let long = "a".repeat(201);
    for name in ["", "a b", "a..b", ".a", "a.*", "a\n", "ä", &*long] {
        assert!(
            matches!(hub.channel(name), Err(SseError::ChannelName(_))),
            "{name}"
        );
        let refused = hub.subscribe(&[name], None).await.unwrap_err();
        assert!(matches!(refused, SseError::ChannelName(_)));
    }
    let none: [&str; 0] = [];
    let refused = hub.subscribe(&none, None).await.unwrap_err();
    assert!(matches!(refused, SseError::ChannelCount(0)));
    let many: Vec<_> = (0..33).map(|number| format!("news.{number}")).collect();
    let refused = hub.subscribe(&many, None).await.unwrap_err();
    assert!(matches!(refused, SseError::ChannelCount(33)));

    let event = SseEvent::json("two\nlines\r\u{2028}").unwrap();
    for name in ["", "a\nb", "a\rb", "reset", "lagged", &*long] {
        let refused = event.clone().named(name).unwrap_err();
        assert!(matches!(refused, SseError::EventName(_)), "{name}");
    }
    let refused = SseEvent::json(&"a".repeat((1 << 20) + 1)).unwrap_err();
    assert!(matches!(refused, SseError::TooLarge(_)));
    let refused = SseEvent::json(&HashMap::from([((1, 2), 3)])).unwrap_err();
    assert!(matches!(refused, SseError::Data(_)));
    // Line breaks in the data can't end the event.
    let mut client = subscribe(&hub, &["orders"], None).await;
    piece(&mut client).await;
    hub.channel("orders").unwrap().send(&event).unwrap();
    let piece = piece(&mut client).await;
    assert!(
        piece.ends_with("data: \"two\\nlines\\r\u{2028}\"\n\n"),
        "{piece:?}"
    );
    close(running).await;
}

#[tokio::test]
async fn limits_that_make_no_sense_are_errors_of_the_boot() {
    let cases = [
        (plugin().clients(0), "`sse.clients` is 0"),
        (plugin().history(0), "`sse.history` is 0"),
        (plugin().queue(0), "`sse.queue` is 0"),
        (
            plugin().public(vec!["a.b*".into()]),
            "`sse.public` has a pattern that is none",
        ),
        (
            plugin().heartbeat(Duration::ZERO),
            "the heartbeat of the hub is 0ns",
        ),
        (
            plugin().heartbeat(Duration::from_secs(31)),
            "the heartbeat of the hub is 31s",
        ),
    ];
    for (plugin, expected) in cases {
        let text = app(plugin).boot().await.unwrap_err().render();
        assert!(
            text.contains(&format!("[sse-hub] Plugin load failed: {expected}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_channel_that_is_not_public_is_refused() {
    let (running, hub) = boot(app(SseHubPlugin::default())).await;
    let refused = hub.subscribe(&["orders"], None).await.unwrap_err();
    assert!(matches!(refused, SseError::Forbidden(channel) if channel == "orders"));
    close(running).await;
}

struct User(&'static str);

/// Each user has a channel.
#[plugin(name = "own-channel", ports = [self as dyn Authorize], collect = never)]
struct OwnChannel;

impl Hooks for OwnChannel {}

#[async_trait]
impl Authorize for OwnChannel {
    async fn may_subscribe(&self, channel: &str) -> Result<bool> {
        if channel == "broken" {
            anyhow::bail!("no database");
        }
        let user = RequestState::<User>::new().get();
        Ok(user.is_some_and(|user| channel == format!("user.{}", user.0)))
    }
}

async fn authenticate(headers: HeaderMap) -> Result<(), Problem> {
    if headers.contains_key("x-ada") {
        RequestState::<User>::new().set(User("ada"))?;
    }
    Ok(())
}

async fn events(
    hub: State<SseHub>,
    headers: HeaderMap,
    Path(channel): Path<String>,
) -> Result<Response, Problem> {
    hub.response(&[channel], &headers).await
}

#[routes(name = "api", collect = never)]
fn api() -> impl RouteSet {
    Routes::new()
        .before_handle(authenticate)
        .get("/events/{channel}", events)
}

fn web(plugin: SseHubPlugin) -> App {
    App::new()
        .with(ClockPlugin)
        .with(plugin)
        .with(Api::default())
        .with(WebPlugin::default())
}

#[tokio::test]
async fn a_channel_is_authorised_in_the_request_of_its_client() {
    let running = within(web(plugin()).with(OwnChannel).boot()).await.unwrap();
    let web: State<Web> = running.try_get().unwrap();
    let get = async |channel: &str, user: &str| {
        let request = Request::get(format!("/events/{channel}")).header(user, "");
        within(web.handle(request.body(Body::empty()).unwrap())).await
    };
    let response = get("user.ada", "x-ada").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(get("user.ada", "x-bob").await.status(), 403);
    assert_eq!(get("user.bob", "x-ada").await.status(), 403);
    assert_eq!(
        get("orders", "x-bob").await.status(),
        200,
        "a public channel"
    );
    assert_eq!(get("broken", "x-ada").await.status(), 500);
    assert_eq!(get("a+b", "x-ada").await.status(), 400);
    drop((response, web));
    close(running).await;
}

/// A server on a port of its own.
async fn serve(plugin: SseHubPlugin, server: Server) -> (Running, State<SseHub>, TcpStream) {
    let app = web(plugin).with(server.listen("127.0.0.1:0"));
    let (running, hub) = boot(app).await;
    let listening = running.try_get::<State<Listening>>().unwrap();
    let address = listening.address().unwrap();
    let client = within(TcpStream::connect(address)).await.unwrap();
    (running, hub, client)
}

async fn request(client: &mut TcpStream, id: Option<&str>) {
    let id = id.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
    let request = format!("GET /events/orders HTTP/1.1\r\nhost: x\r\n{id}\r\n");
    within(client.write_all(request.as_bytes())).await.unwrap();
}

async fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(within(client.read_u8()).await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_the_server_and_another_process_goes_on() {
    let (running, hub, mut client) = serve(plugin(), Server::default()).await;
    request(&mut client, None).await;
    read_until(&mut client, "retry: 3000\n\n").await;
    send(&hub, "orders", 1);
    let text = read_until(&mut client, "data: 1\n\n").await;
    let id = text
        .lines()
        .find_map(|it| it.strip_prefix("id: "))
        .unwrap()
        .to_owned();
    drop(hub);
    close(running).await;
    let mut rest = String::new();
    within(client.read_to_string(&mut rest)).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the stream is whole: {rest:?}");

    let (running, hub, mut client) = serve(plugin(), Server::default()).await;
    request(&mut client, Some(&id)).await;
    read_until(&mut client, "event: reset\ndata: {}\n\n").await;
    send(&hub, "orders", 2);
    read_until(&mut client, "data: 2\n\n").await;
    drop(hub);
    close(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_costs_a_queue_and_is_closed() {
    let server = Server::default().write_timeout(Duration::from_millis(300));
    let (running, hub, mut client) = serve(plugin(), server).await;
    request(&mut client, None).await;
    read_until(&mut client, "retry: 3000\n\n").await;
    let large = SseEvent::json(&"a".repeat(1 << 16)).unwrap();
    let channel = hub.channel("orders").unwrap();
    // More than the buffers of both sockets hold.
    within(async {
        while channel.send(&large).unwrap() == 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The server closes the connection, which frees the place of the client.
    within(async {
        while hub.clients() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    drop((hub, channel, client));
    close(running).await;
}

#[tokio::test]
async fn events_reach_the_clients_of_two_apps_on_one_bus_once() {
    let bus = MemoryBus::default();
    let (one, here) = boot(app(plugin()).supply(bus.port())).await;
    let (other, there) = boot(app(plugin()).supply(bus.port())).await;
    let mut local = subscribe(&here, &["orders"], None).await;
    let mut remote = subscribe(&there, &["orders"], None).await;
    piece(&mut local).await;
    piece(&mut remote).await;
    send(&here, "orders", 1);
    assert_eq!(event(&mut remote).await["data"], "1");
    send(&there, "orders", 2);
    assert_eq!(event(&mut local).await["data"], "1");
    assert_eq!(event(&mut local).await["data"], "2");
    assert_eq!(event(&mut remote).await["data"], "2");
    assert!(data(&mut local).is_empty() && data(&mut remote).is_empty());
    drop((local, remote));
    close(one).await;
    close(other).await;
}

#[tokio::test]
async fn messages_of_the_bus_are_checked() {
    use bootstrap_services::events::EventBus as _;

    let bus = MemoryBus::default();
    let (running, hub) = boot(app(plugin()).supply(bus.port())).await;
    let mut client = subscribe(&hub, &["orders"], None).await;
    piece(&mut client).await;
    for (channel, name, data) in [
        ("orders", "a\nb", "1"),
        ("orders", "a", "1\n\nevent: injected"),
        ("or ders", "a", "1"),
        ("orders", "right", "7"),
    ] {
        let event = serde_json::json!({ "name": name, "data": data });
        let body = serde_json::json!({ "channel": channel, "event": event });
        let message = serde_json::json!({ "from": "another", "body": body });
        bus.publish("sse", message.to_string().into_bytes())
            .await
            .unwrap();
    }
    let event = event(&mut client).await;
    assert_eq!((&*event["event"], &*event["data"]), ("right", "7"));
    drop(client);
    close(running).await;
}
