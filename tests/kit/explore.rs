//! Exploring: what is clean is clean, seeds repeat, budgets hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bootstrap::testing::{FindingKind, explore};
use bootstrap::{App, plugin_fn};

use crate::plugins::{Database, service};
use crate::record::said;

#[test]
fn a_service_without_mistakes_survives_every_fault() {
    explore(service).check();
}

#[test]
fn an_app_of_twenty_plugins_is_explored_within_seconds() {
    let twenty = || {
        let mut app = App::new();
        let mut last = app.register(Database);
        for n in 0..19 {
            last = app
                .register(Database)
                .named(format!("database-{n}"))
                .after(&last);
        }
        app
    };
    let began = Instant::now();
    let report = explore(twenty).run();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.left, 0);
    assert!(report.ran > 300, "{report}");
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn children_are_explored_as_well() {
    let family = || {
        let mut app = App::new();
        app.register(plugin_fn("server", async |cx| {
            cx.register(Database);
            Ok(())
        }));
        app
    };
    explore(family).check();
    // The child is among those that a case can name.
    let report = explore(family).only("1:server/database:load:hang").run();
    assert!(report.is_clean(), "{report}");
}

#[test]
fn cases_that_a_limit_of_runs_leaves_out_fail_the_check() {
    let limited = || explore(service).runs(12);
    let report = limited().run();
    assert_eq!((report.ran, report.findings.len()), (12, 0));
    assert!(report.left > 50, "{report}");
    assert!(!report.is_clean());
    let words = format!(
        "0 findings in 12 cases, with the seed 1; {} cases not run: the limit of 12 runs was \
         reached\n\nhelp: to run the rest, raise or remove the limit (`Explore::runs`); to leave cases \
         out on purpose, use `Explore::sample`",
        report.left
    );
    assert_eq!(report.to_string(), words);
    assert_eq!(said(|| limited().check()), words);
    // As many as there are: nothing is left out.
    explore(service).runs(report.ran + report.left).check();
}

#[test]
fn cases_that_a_limit_of_time_leaves_out_fail_the_check() {
    let limited = || explore(service).time(Duration::ZERO);
    let report = limited().run();
    assert_eq!((report.ran, report.findings.len()), (1, 0));
    assert!(!report.is_clean());
    let words = format!(
        "; {} cases not run: the limit of 0 us was reached\n\nhelp: to run the rest, raise or remove \
         the limit (`Explore::time`); to leave cases out on purpose, use `Explore::sample`",
        report.left
    );
    assert!(report.to_string().ends_with(&words), "{report}");
    assert!(said(|| limited().check()).ends_with(&words));
}

#[test]
fn without_a_limit_all_cases_run() {
    // More than a thousand, with the faults.
    let report = explore(App::new).orders(150).run();
    assert_eq!((report.ran, report.left), (1_500, 0));
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_sample_leaves_cases_out_on_purpose() {
    let sampled = || explore(service).sample(12);
    let report = sampled().run();
    assert_eq!((report.ran, report.findings.len()), (12, 0));
    assert!(report.is_clean(), "{report}");
    let words = format!(
        "0 findings in 12 cases, with the seed 1; {} cases not in the sample",
        report.left
    );
    assert_eq!(report.to_string(), words);
    sampled().check();
    // A limit that the sample does not fit into is a limit still.
    let cut = sampled().time(Duration::ZERO).run();
    assert!(!cut.is_clean());
    assert_eq!((cut.ran, cut.left), (1, report.left + 11));
    let words = "; 11 cases not run: the limit of 0 us was reached";
    assert!(cut.to_string().contains(words), "{cut}");
}

#[test]
fn a_single_case_whose_fault_does_not_happen_is_a_finding() {
    let said = |case: &str| explore(service).only(case).run().to_string();
    let text = said("1:metrics:load:fail-midway");
    let expected = "1 finding in 1 case, with the seed 1; in 1 case the fault did not happen\n\nfailed: \
                    [metrics] the fault of this case did not happen: its `load` never waited\n";
    assert!(text.starts_with(expected), "{text}");
    // A hook that the plugin does not have.
    let text = said("1:database:drain:fail-afterwards");
    assert!(
        text.contains("`drain` of `database`, which has no such hook"),
        "{text}"
    );
}

#[test]
fn the_same_seed_is_the_same_report() {
    let flawed = || {
        let mut app = service();
        app.register(plugin_fn("leaky", async |_| {
            std::mem::forget(bootstrap::testing::resource("file"));
            Ok(())
        }));
        app
    };
    let report = |seed| explore(flawed).seed(seed).runs(40).run();
    assert_eq!(report(3), report(3));
    assert_ne!(report(3).findings[0].cases, report(4).findings[0].cases);
}

#[test]
fn a_single_case_is_run_alone() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let counted = move || {
        count.fetch_add(1, Ordering::Relaxed);
        service()
    };
    explore(counted)
        .only("9:http:close:hang-afterwards")
        .check();
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[test]
fn a_case_that_is_none_is_told() {
    assert_eq!(
        said(|| explore(App::new).only("http")),
        "`http` is no case: write what a report says, such as `7:database:load:fail` or `7:none`"
    );
}

#[test]
fn a_case_whose_plugin_has_gone_is_told() {
    // The boot fails because the fault can't be; that is no clean end of the test either.
    let report = explore(service).only("1:htp:load:fail").run();
    assert_eq!(report.findings[0].kind, FindingKind::Failed);
    assert!(
        report.to_string().contains("did you mean `http`?"),
        "{report}"
    );
}

#[test]
fn a_factory_that_panics_is_told() {
    let report = explore(|| panic!("no configuration")).run();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!(report.findings[0].kind, FindingKind::Panicked);
    assert!(
        report.findings[0].text.contains("no configuration"),
        "{report}"
    );
}
