//! When schedules run.

use bootstrap_services::cron::{CronError, Schedule};

use crate::{Kit, refused};

/// The occurrences of a pattern in a zone between two times.
async fn occurrences(pattern: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let kit = Kit::at(&format!("{from}[{zone}]")).await;
    let notes = kit.note(Schedule::new("it", pattern).zone(zone));
    kit.advance_to(&format!("{to}[{zone}]")).await;
    kit.close().await;
    notes.times(zone)
}

/// A fault of the original: it had a time zone that it did not use.
#[tokio::test]
async fn a_time_in_a_gap_runs_after_it_and_a_time_that_repeats_runs_once() {
    let table: [(&str, &str, &str, &str, &[&str]); 11] = [
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-28T12:00",
            "2026-03-30T12:00",
            &["2026-03-29 03:00:00", "2026-03-30 02:30:00"],
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-24T12:00",
            "2026-10-26T12:00",
            &["2026-10-25 02:30:00", "2026-10-26 02:30:00"],
        ),
        (
            "America/New_York",
            "30 2 * * *",
            "2026-03-07T12:00",
            "2026-03-09T12:00",
            &["2026-03-08 03:00:00", "2026-03-09 02:30:00"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2026-10-31T12:00",
            "2026-11-02T12:00",
            &["2026-11-01 01:30:00", "2026-11-02 01:30:00"],
        ),
        // Half an hour: 02:00 becomes 02:30, and 02:00 becomes 01:30.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-03T12:00",
            "2026-10-05T12:00",
            &["2026-10-04 02:30:00", "2026-10-05 02:15:00"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T12:00",
            "2026-04-06T12:00",
            &["2026-04-05 01:45:00", "2026-04-06 01:45:00"],
        ),
        // No midnight.
        (
            "America/Sao_Paulo",
            "0 0 * * *",
            "2018-11-03T12:00",
            "2018-11-05T12:00",
            &["2018-11-04 01:00:00", "2018-11-05 00:00:00"],
        ),
        (
            "America/Sao_Paulo",
            "0 0 * * *",
            "2018-02-17T12:00",
            "2018-02-19T12:00",
            &["2018-02-18 00:00:00", "2018-02-19 00:00:00"],
        ),
        // Every hour is every hour: none in the gap, two of the same name.
        (
            "Europe/Berlin",
            "0 * * * *",
            "2026-03-29T00:30",
            "2026-03-29T04:30",
            &[
                "2026-03-29 01:00:00",
                "2026-03-29 03:00:00",
                "2026-03-29 04:00:00",
            ],
        ),
        (
            "Europe/Berlin",
            "0 * * * *",
            "2026-10-25T00:30",
            "2026-10-25T03:30",
            &[
                "2026-10-25 01:00:00",
                "2026-10-25 02:00:00",
                "2026-10-25 02:00:00",
                "2026-10-25 03:00:00",
            ],
        ),
        (
            "UTC",
            "30 2 * * *",
            "2026-03-28T12:00",
            "2026-03-30T12:00",
            &["2026-03-29 02:30:00", "2026-03-30 02:30:00"],
        ),
    ];
    for (zone, pattern, from, to, expected) in table {
        let found = occurrences(pattern, zone, from, to).await;
        assert_eq!(found, expected, "`{pattern}` in {zone} from {from}");
    }
}

#[tokio::test]
async fn a_pattern_has_five_fields_or_six_with_the_seconds_first() {
    let five = occurrences("1 * * * *", "UTC", "2026-01-01T00:00", "2026-01-01T01:30").await;
    assert_eq!(five, ["2026-01-01 00:01:00", "2026-01-01 01:01:00"]);
    let six = occurrences(
        "*/20 1 * * * *",
        "UTC",
        "2026-01-01T00:00",
        "2026-01-01T00:30",
    )
    .await;
    assert_eq!(
        six,
        [
            "2026-01-01 00:01:00",
            "2026-01-01 00:01:20",
            "2026-01-01 00:01:40"
        ]
    );
    let named = occurrences("@daily", "UTC", "2026-01-01T00:00", "2026-01-03T00:00").await;
    assert_eq!(named, ["2026-01-02 00:00:00", "2026-01-03 00:00:00"]);
}

/// A fault of the original: both kinds of day had to match.
#[tokio::test]
async fn a_day_matches_if_either_kind_of_day_does() {
    // The 13th, and each Friday: POSIX.
    let found = occurrences(
        "0 0 13 * FRI",
        "UTC",
        "2026-01-01T12:00",
        "2026-01-20T00:00",
    )
    .await;
    assert_eq!(
        found,
        [
            "2026-01-02 00:00:00",
            "2026-01-09 00:00:00",
            "2026-01-13 00:00:00",
            "2026-01-16 00:00:00"
        ]
    );
}

/// A fault of the original: `99` was searched for through a year of seconds.
#[tokio::test]
async fn a_field_that_is_wrong_is_named() {
    let texts = [
        (
            "99 * * * *",
            "the minute of the pattern `99 * * * *` can't be `99`\nhelp: write 0-59; `*` for every one, and lists, ranges and steps, as in `1,5`, `1-5` and `*/5`",
        ),
        (
            "0 24 * * *",
            "the hour of the pattern `0 24 * * *` can't be `24`\nhelp: write 0-23;",
        ),
        (
            "0 0 32 * *",
            "the day of the month of the pattern `0 0 32 * *` can't be `32`",
        ),
        (
            "0 0 * 13 *",
            "the month of the pattern `0 0 * 13 *` can't be `13`",
        ),
        (
            "0 0 * * FUN",
            "the day of the week of the pattern `0 0 * * FUN` can't be `FUN`",
        ),
        (
            "60 0 0 * * *",
            "the second of the pattern `60 0 0 * * *` can't be `60`",
        ),
        (
            "*/0 * * * *",
            "the minute of the pattern `*/0 * * * *` can't be `*/0`",
        ),
        (
            "5-1 * * * *",
            "the minute of the pattern `5-1 * * * *` can't be `5-1`",
        ),
        (
            "* * * *",
            "the pattern `* * * *` has 4 fields\nhelp: write 5 fields",
        ),
        (
            "* * * * * * 2027",
            "the pattern `* * * * * * 2027` has 7 fields",
        ),
        ("", "the pattern `` has no fields"),
        (
            "@nightly",
            "there is no pattern `@nightly`\nhelp: the names are `@hourly`, `@daily`",
        ),
        (
            "0 0 30 2 *",
            "the pattern `0 0 30 2 *` never comes: no day of the calendar matches it\nhelp: correct its day of the month or its month",
        ),
    ];
    for (pattern, text) in texts {
        let error = refused(Schedule::new("it", pattern)).await;
        assert!(matches!(error, CronError::Pattern { .. }), "{error:?}");
        let error = error.to_string();
        assert!(
            error.starts_with(&format!("the schedule `it`: {text}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_unknown_zone_is_an_error_with_near_words() {
    let of = async |zone| {
        refused(Schedule::new("it", "@daily").zone(zone))
            .await
            .to_string()
    };
    assert_eq!(
        of("Europe/Berlim").await,
        "the schedule `it`: there is no time zone `Europe/Berlim`\nhelp: write `Europe/Berlin`, if that was meant"
    );
    assert_eq!(
        of("Berlin").await,
        "the schedule `it`: there is no time zone `Berlin`\nhelp: write `Europe/Berlin`, if that was meant"
    );
    assert_eq!(
        of("Middle-earth/Bree").await,
        "the schedule `it`: there is no time zone `Middle-earth/Bree`\n\
         help: write a name of the IANA database, such as `Europe/Berlin` or `UTC`"
    );
}

#[tokio::test]
async fn a_year_has_exactly_its_occurrences() {
    let kit = Kit::at("2026-01-01T00:00[Europe/Berlin]").await;
    let berlin = |name: &str, pattern: &str| Schedule::new(name, pattern).zone("Europe/Berlin");
    let hourly = kit.note(berlin("hourly", "@hourly"));
    let nightly = kit.note(berlin("nightly", "30 2 * * *"));
    let monthly = kit.note(berlin("monthly", "@monthly"));
    let leap = kit.note(berlin("leap", "0 0 29 2 *"));
    kit.advance(365 * 86_400).await;
    assert_eq!(hourly.len(), 365 * 24);
    assert_eq!((nightly.len(), monthly.len(), leap.len()), (365, 12, 0));
    let counts = kit.info("hourly").counts;
    assert_eq!(
        (
            counts.fired,
            counts.skipped,
            counts.missed,
            counts.elsewhere
        ),
        (8_760, 0, 0, 0)
    );
    assert_eq!(
        kit.info("leap").next,
        Some(crate::moment("2028-02-29T00:00[Europe/Berlin]"))
    );
    kit.close().await;
}

/// With pauses, overlaps, and both changes of the clocks.
#[tokio::test]
#[ignore = "takes minutes"]
async fn a_year_of_minutes_has_exactly_its_occurrences() {
    let kit = Kit::at("2026-01-01T00:00[Europe/Berlin]").await;
    let minutes = kit.note(Schedule::new("minutes", "* * * * *").zone("Europe/Berlin"));
    let paused = kit.note(Schedule::new("paused", "@hourly").zone("Europe/Berlin"));
    let clock = kit.time.clock();
    let long = Schedule::new("long", "*/30 * * * *").zone("Europe/Berlin");
    let task = move |_| {
        let clock = clock.clone();
        async move {
            clock.sleep(std::time::Duration::from_mins(40)).await;
            Ok(())
        }
    };
    kit.cron.add(long, task).unwrap();
    for day in 0..365 {
        if day % 2 == 0 {
            kit.cron.pause("paused").unwrap();
        } else {
            kit.cron.resume("paused").unwrap();
        }
        kit.advance(86_400).await;
    }
    let counts = kit.info("minutes").counts;
    assert_eq!((minutes.len(), counts.fired), (525_600, 525_600));
    assert_eq!((counts.skipped, counts.missed, counts.elsewhere), (0, 0, 0));
    assert_eq!(paused.len(), 182 * 24);
    let long = kit.info("long").counts;
    assert_eq!((long.fired, long.skipped), (8_760, 8_760));
}
