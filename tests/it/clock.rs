//! Nobody waits for real: the clock of a test is paused, unless it has to be a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use support::paused;
use tokio::time::Instant;

use crate::behaviours::{files, root};

/// Why a test has a real clock, and which tests those are. None of them waits longer than for a
/// limit that it has set itself, or the second for which a hook is waited for that holds its
/// thread.
const REAL: [(&str, &[&str]); 5] = [
    (
        "a hook holds its thread, and another thread has to notice",
        &[
            "a_drain_that_blocks_keeps_nobody_else_from_closing",
            "a_hook_that_blocks_its_thread_is_left_behind",
            "a_listener_that_blocks_does_not_keep_the_app_from_closing",
            "a_load_that_asks_for_a_shutdown_and_blocks_is_left_behind",
            "a_load_that_blocks_in_its_drop_does_not_hold_up_the_boot",
            "a_load_that_blocks_its_thread_does_not_keep_the_boot_from_returning",
            "a_load_that_blocks_through_a_request_to_stop_interrupts_the_boot",
            "a_load_that_blocks_through_a_request_to_stop_interrupts_the_restart",
            "a_load_that_blocks_through_the_end_of_the_boot_is_what_failed",
            "a_plugin_that_an_abandoned_hook_still_holds_is_not_loaded_again_until_that_has_ended",
            "a_stop_that_comes_before_a_limit_is_the_cause_although_both_are_seen_late",
            "a_task_that_asks_for_a_shutdown_and_blocks_is_left_behind",
            "a_task_that_blocks_its_thread_is_left_behind",
            "a_hook_that_blocks_its_thread_does_not_keep_the_boot_from_returning",
            "a_hook_that_never_ran_and_blocks_in_its_drop_does_not_keep_the_boot_from_returning",
            "hooks_of_the_app_that_block_end_with_the_time_for_closing",
            "what_failed_before_a_request_to_stop_is_the_cause",
            "whatever_blocks_through_a_request_to_stop_the_boot_is_interrupted",
        ],
    ),
    (
        "several threads do something at the same time",
        &[
            "a_hook_that_waits_for_the_close_of_its_app_is_told_so_at_once",
            "a_panic_is_attributed_to_its_plugin_and_rolled_back",
            "a_panic_of_a_task_is_the_error_of_the_load_that_waits_for_it",
            "a_restart_in_the_moment_when_the_app_becomes_ready_is_done",
            "a_state_is_made_once_however_many_want_it",
            "a_thousand_interleaved_scopes_see_their_own_values",
            "a_task_never_begins_before_its_app_is_ready",
            "all_who_end_a_boot_from_many_threads_end_it_once",
            "an_error_that_follows_from_the_cancellation_is_not_the_cause",
            "hooks_that_take_turns_are_each_in_their_own",
            "independent_plugins_load_at_the_same_time",
            "loads_that_block_run_beside_each_other",
            "a_parent_that_loads_after_its_child_was_cut_off_goes_with_it",
            "many_threads_load_children_as_one_does",
            "parents_and_children_that_end_at_one_instant_on_many_threads_are_all_done",
            "threads_never_see_a_value_that_has_gone",
            "two_wishes_to_stop_at_once_are_one_shutdown",
        ],
    ),
    (
        "the only thread is never idle, and a paused clock moves when it is",
        &[
            "a_load_that_wakes_itself_lets_everything_else_run",
            "the_time_for_booting_ends_between_two_loads_that_never_wait",
        ],
    ),
    (
        "something outside of the runtime answers",
        &[
            "a_hook_can_connect_to_what_a_plugin_has_bound",
            "a_source_that_blocks_counts_in_the_time_of_the_boot",
            "a_source_that_blocks_in_a_restart_is_a_fault_when_the_time_of_a_load_is_up",
        ],
    ),
    (
        "there is no clock at all",
        &["a_boot_on_a_runtime_without_timers_is_an_error_before_anything_runs"],
    ),
];

/// What makes a runtime whose clock goes by itself, unless it is paused.
const RUNTIMES: [&str; 4] = [
    "threaded(",
    "new_multi_thread()",
    "new_current_thread()",
    "tokio::test",
];

/// The functions of a file that stand by themselves, with their attributes: name to text.
fn functions(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for item in text.split("\n}\n") {
        let mut lines = item.lines();
        let name = lines.find_map(|line| {
            let line = line.strip_prefix("async ").unwrap_or(line);
            let rest = line.strip_prefix("fn ")?;
            rest.split(['(', '<']).next()
        });
        if let Some(name) = name {
            found.insert(name.to_owned(), item.to_owned());
        }
    }
    found
}

fn has_real_clock(text: &str) -> bool {
    let makes = RUNTIMES.iter().any(|runtime| text.contains(runtime));
    makes && !text.contains("start_paused")
}

/// The tests of a file that have a real clock, by themselves or by a function that they call.
fn real_tests(text: &str) -> BTreeSet<String> {
    let functions = functions(text);
    let is_test = |text: &str| text.contains("#[test]\n") || text.contains("#[tokio::test");
    let helpers: Vec<String> = functions
        .iter()
        .filter(|(_, text)| !is_test(text) && has_real_clock(text))
        .map(|(name, _)| format!("{name}("))
        .collect();
    let is_real = |text: &str| {
        has_real_clock(text) || helpers.iter().any(|helper| text.contains(helper.as_str()))
    };
    functions
        .into_iter()
        .filter(|(_, text)| is_test(text) && is_real(text))
        .map(|(name, _)| name)
        .collect()
}

/// S74: whoever adds a test with a real clock says here why.
#[test]
fn the_clock_is_paused_but_for_those_who_say_why_not() {
    let mut found = BTreeSet::new();
    for folder in ["it", "auto"] {
        for file in files(&root().join(folder)) {
            // This one is about the words.
            if !file.ends_with("clock.rs") {
                found.extend(real_tests(&fs::read_to_string(file).unwrap()));
            }
        }
    }
    let listed = REAL.iter().flat_map(|(_, tests)| *tests);
    let listed: BTreeSet<String> = listed.copied().map(str::to_owned).collect();
    assert_eq!(found, listed);
}

/// S74: waiting takes no time then: no test lives for as long as this one waits.
#[test]
fn a_paused_clock_moves_at_once() {
    paused(async {
        let (began, year) = (Instant::now(), Duration::from_hours(365 * 24));
        tokio::time::sleep(year).await;
        assert_eq!(began.elapsed(), year);
    });
}

/// The check finds what it looks for.
#[test]
fn a_real_clock_is_found_also_behind_a_helper() {
    let text = "fn helper() {\n    threaded(async {});\n}\n\n#[test]\nfn direct() {\n    \
                threaded(async {});\n}\n\n#[test]\nfn behind() {\n    helper();\n}\n\n#[test]\nfn \
                calm() {\n    paused(async {});\n}\n";
    let found: Vec<String> = real_tests(text).into_iter().collect();
    assert_eq!(found, ["behind", "direct"]);
}
