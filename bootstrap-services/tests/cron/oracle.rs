//! The next occurrence, against an oracle that walks minute by minute.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bootstrap_services::cron::Schedule;
use bootstrap_services::testing::VirtualClock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::sync::Arc;

use crate::{Kit, MemoryCronStore};

/// One field: what it matches, and how it is written.
#[derive(Clone, Debug)]
struct Field {
    text: String,
    values: BTreeSet<i8>,
}

fn field(low: i8, high: i8) -> impl Strategy<Value = Field> {
    let all = move |step: i8| (low..=high).step_by(step as usize).collect::<BTreeSet<_>>();
    prop_oneof![
        3 => Just(Field { text: "*".into(), values: all(1) }),
        2 => (low..=high).prop_map(|it| Field { text: it.to_string(), values: [it].into() }),
        1 => (2..=9i8).prop_map(move |step| Field { text: format!("*/{step}"), values: all(step) }),
        1 => (low..=high, low..=high).prop_map(|(a, b)| {
            let (from, to) = (a.min(b), a.max(b));
            Field { text: format!("{from}-{to}"), values: (from..=to).collect() }
        }),
        1 => proptest::collection::btree_set(low..=high, 1..4).prop_map(|values| {
            let texts: Vec<_> = values.iter().map(ToString::to_string).collect();
            Field { text: texts.join(","), values }
        }),
    ]
}

/// The first match after `from`, within 60 days.
fn walk(fields: &[Field; 5], from: Timestamp) -> Option<Timestamp> {
    let [minute, hour, day, month, weekday] = fields;
    let start = from.as_second().div_euclid(60) + 1;
    (start..start + 60 * 24 * 60)
        .map(|it| Timestamp::from_second(it * 60).unwrap())
        .find(|at| {
            let at = at.to_zoned(TimeZone::UTC);
            let by_day = day.values.contains(&at.day());
            let by_weekday = weekday
                .values
                .contains(&at.weekday().to_sunday_zero_offset());
            // POSIX: a field that begins with `*` restricts nothing.
            let is_day = match (day.text == "*", weekday.text == "*") {
                (true, _) | (_, true) => by_day && by_weekday,
                (false, false) => by_day || by_weekday,
            };
            minute.values.contains(&at.minute())
                && hour.values.contains(&at.hour())
                && month.values.contains(&at.month())
                && is_day
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_occurrence_is_the_first_minute_that_matches(
        fields in (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)),
        from in 1_700_000_000_i64..2_000_000_000,
    ) {
        let fields: [Field; 5] = fields.into();
        let pattern: Vec<_> = fields.iter().map(|field| field.text.as_str()).collect();
        let pattern = pattern.join(" ");
        let from = Timestamp::from_second(from).unwrap();
        if let Some(expected) = walk(&fields, from) {
            let found = next(&pattern, from.into());
            prop_assert_eq!(Some(expected.into()), found, "`{}` after {}", pattern, from);
        }
    }
}

/// As `list` has it.
fn next(pattern: &str, from: SystemTime) -> Option<SystemTime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // A fraction of a second changes nothing.
        let time = VirtualClock::starting_at(from + Duration::from_millis(500));
        let kit = Kit::with(&time, Arc::new(MemoryCronStore::default())).await;
        kit.note(Schedule::new("it", pattern));
        let next = kit.info("it").next;
        kit.close().await;
        next
    })
}
