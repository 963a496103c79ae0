//! What every [`EventBus`] passes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::stream::{BoxStream, StreamExt as _};
use tokio::time::timeout;

use crate::events::EventBus;

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages for the order.
const MANY: u32 = 1000;
/// The largest message that a bus has to carry.
const LARGEST: usize = 1 << 20;

/// Checks a bus through two connections to it, on topics that begin with `conformance`.
///
/// # Examples
///
/// ```
/// use bootstrap_services::events::conformance;
/// use bootstrap_services::testing::MemoryBus;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// let bus = MemoryBus::default();
/// conformance::check(&bus, &bus).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The first check that fails.
///
/// # Cancel safety
///
/// Nothing is left on the bus if the future is dropped.
pub async fn check(one: &dyn EventBus, other: &dyn EventBus) -> Result<()> {
    order(one, other)
        .await
        .context("messages arrive once and in order")?;
    largest(one, other)
        .await
        .context("a message of 1 MiB arrives, byte by byte")?;
    topics(one, other)
        .await
        .context("a subscription gets messages of its topic only")?;
    fan_out(one, other)
        .await
        .context("every subscription gets every message")?;
    from_now_on(one, other)
        .await
        .context("a subscription gets no messages from before it")
}

async fn order(one: &dyn EventBus, other: &dyn EventBus) -> Result<()> {
    let mut stream = other.subscribe("conformance-order").await?;
    for number in 0..MANY {
        let message = number.to_be_bytes().to_vec();
        one.publish("conformance-order", message).await?;
    }
    for number in 0..MANY {
        ensure!(next(&mut stream).await? == number.to_be_bytes());
    }
    Ok(())
}

async fn largest(one: &dyn EventBus, other: &dyn EventBus) -> Result<()> {
    let mut stream = other.subscribe("conformance-size").await?;
    let message: Vec<u8> = (0..=u8::MAX).cycle().take(LARGEST).collect();
    one.publish("conformance-size", message.clone()).await?;
    ensure!(next(&mut stream).await? == message);
    one.publish("conformance-size", Vec::new()).await?;
    ensure!(next(&mut stream).await?.is_empty());
    Ok(())
}

async fn topics(one: &dyn EventBus, other: &dyn EventBus) -> Result<()> {
    let mut stream = other.subscribe("conformance-a").await?;
    one.publish("conformance-b", b"b".to_vec()).await?;
    one.publish("conformance-a", b"a".to_vec()).await?;
    ensure!(next(&mut stream).await? == b"a");
    Ok(())
}

async fn fan_out(one: &dyn EventBus, other: &dyn EventBus) -> Result<()> {
    let mut first = other.subscribe("conformance-all").await?;
    let mut second = other.subscribe("conformance-all").await?;
    one.publish("conformance-all", b"all".to_vec()).await?;
    ensure!(next(&mut first).await? == b"all");
    ensure!(next(&mut second).await? == b"all");
    // A subscription that was dropped disturbs no other.
    drop(first);
    one.publish("conformance-all", b"rest".to_vec()).await?;
    ensure!(next(&mut second).await? == b"rest");
    Ok(())
}

async fn from_now_on(one: &dyn EventBus, other: &dyn EventBus) -> Result<()> {
    one.publish("conformance-late", b"before".to_vec()).await?;
    let mut stream = other.subscribe("conformance-late").await?;
    one.publish("conformance-late", b"after".to_vec()).await?;
    ensure!(next(&mut stream).await? == b"after");
    Ok(())
}

async fn next(stream: &mut BoxStream<'static, Vec<u8>>) -> Result<Vec<u8>> {
    let message = timeout(PATIENCE, stream.next()).await;
    let message = message.with_context(|| format!("no message arrived within {PATIENCE:?}"))?;
    message.context("the subscription has ended")
}
