//! What is counted.

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::kit::{HOUR, Kit};
use crate::script;

#[tokio::test]
async fn starts_steps_replays_and_ends_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let kit = Kit::by_hand(script!(|cx, log, input| {
        cx.step("one", || async { Ok(()) }).await?;
        cx.sleep("nap", HOUR).await?;
        cx.step("two", || async { Ok(()) }).await?;
    }))
    .await;
    let id = kit.run().await;
    kit.advance(HOUR).await;
    kit.result(&id).await;
    kit.close().await;
    let mut counts: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name().starts_with("workflows_"))
        .map(|(key, _, _, value)| {
            let labels = key.key().labels().map(|it| format!(" {}", it.value()));
            let DebugValue::Counter(count) = value else {
                panic!("{value:?}")
            };
            format!(
                "{}{}: {count}",
                key.key().name(),
                labels.collect::<String>()
            )
        })
        .collect();
    counts.sort();
    assert_eq!(
        counts,
        [
            "workflows_ended_total test done: 1",
            "workflows_replayed_total test: 1",
            "workflows_started_total test: 1",
            "workflows_steps_total test done: 2",
        ]
    );
}
