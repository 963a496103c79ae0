#![doc = include_str!("../guide/links/pages.md")]
#![doc = include_str!("../guide/README.md")]
#![allow(
    unused_imports,
    clippy::wildcard_imports,
    reason = "the pages link to whatever is public"
)]

// The pages are Markdown in `bootstrap/guide`. They link to each other by labels. Each page defines
// its labels as file names, for readers of the repository. Here `links/pages.md` comes first and
// defines the same labels as modules; the first definition of a label wins. That is why a doctest is
// named after that file, and why its line numbers count those lines as well.

use crate::context::*;
use crate::error::*;
use crate::extend::*;
use crate::lifecycle::*;
use crate::plan::*;
use crate::report::*;
use crate::*;

macro_rules! page {
    ($page:ident, $text:expr) => {
        #[doc = include_str!("../guide/links/pages.md")]
        #[cfg_attr(not(feature = "config"), doc = include_str!("../guide/links/without-config.md"))]
        #[cfg_attr(not(feature = "testing"), doc = include_str!("../guide/links/without-testing.md"))]
        #[doc = $text]
        pub mod $page {}
    };
}

page!(first_service, include_str!("../guide/01-first-service.md"));
page!(declare, include_str!("../guide/02-declare.md"));
#[cfg(feature = "config")]
page!(configuration, include_str!("../guide/03-configuration.md"));
#[cfg(not(feature = "config"))]
page!(
    configuration,
    "# Configuration\n\nThis page requires the feature `config`.\n\nNext: [Compose][page-compose]"
);
page!(compose, include_str!("../guide/04-compose.md"));
page!(crates, include_str!("../guide/05-crates.md"));
page!(boot, include_str!("../guide/06-boot.md"));
page!(run, include_str!("../guide/07-run.md"));
page!(close, include_str!("../guide/08-close.md"));
page!(test, include_str!("../guide/09-test.md"));
#[cfg(feature = "testing")]
page!(test_kit, include_str!("../guide/10-test-kit.md"));
#[cfg(not(feature = "testing"))]
page!(
    test_kit,
    "# The test kit\n\nThis page requires the feature `testing`.\n\nNext: [Conditions][page-conditions]"
);
page!(conditions, include_str!("../guide/11-conditions.md"));
page!(parts, include_str!("../guide/12-parts.md"));
page!(far_away, include_str!("../guide/13-far-away.md"));
page!(see, include_str!("../guide/14-see.md"));
page!(logging, include_str!("../guide/15-logging.md"));
page!(http_server, include_str!("../guide/16-http-server.md"));
page!(database, include_str!("../guide/17-database.md"));
page!(containers, include_str!("../guide/18-containers.md"));
page!(from_main, include_str!("../guide/19-from-main.md"));
page!(why_not, include_str!("../guide/20-why-not.md"));
page!(codes, include_str!("../guide/21-codes.md"));
