#![doc = include_str!("../guide/links/pages.md")]
#![doc = include_str!("../guide/README.md")]

// Each page defines its links to other pages as file names, for readers of the repository. Here `links/pages.md` comes
// first and defines them as modules; the first definition of a label wins.
macro_rules! page {
    ($page:ident) => {
        #[doc = include_str!("../guide/links/pages.md")]
        #[doc = include_str!(concat!("../guide/", stringify!($page), ".md"))]
        pub mod $page {}
    };
}

page!(clock);
#[cfg(feature = "database")]
page!(database);
#[cfg(feature = "database")]
page!(leases);
#[cfg(feature = "logger")]
page!(logger);
#[cfg(feature = "cache")]
page!(cache);
#[cfg(feature = "events")]
page!(events);
#[cfg(feature = "cron")]
page!(cron);
#[cfg(feature = "jobs")]
page!(jobs);
#[cfg(all(feature = "web", feature = "jobs"))]
page!(operations);
#[cfg(all(unix, feature = "external"))]
page!(external);
#[cfg(feature = "workflows")]
page!(workflows);
#[cfg(feature = "limits")]
page!(limits);
#[cfg(feature = "audit")]
page!(audit);
#[cfg(feature = "metrics")]
page!(metrics);
#[cfg(feature = "sse")]
page!(sse);
#[cfg(all(unix, feature = "processes"))]
page!(processes);
#[cfg(feature = "named")]
page!(named);
#[cfg(feature = "testing")]
page!(tests);
