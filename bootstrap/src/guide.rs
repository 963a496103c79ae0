#![doc = include_str!("../guide/links/pages.md")]
#![doc = include_str!("../guide/README.md")]
#![allow(
    unused_imports,
    clippy::wildcard_imports,
    reason = "the pages link to whatever is public"
)]

// The pages are Markdown in `bootstrap/guide`. Their links to each other are labels, which the pages
// define as names of files, for those who browse the repository. Here the same labels are defined as
// modules before, and the first definition wins. That is why a doctest is named after the file of
// those, and its line counts them as well.

use crate::context::*;
use crate::error::*;
use crate::extend::*;
use crate::lifecycle::*;
use crate::plan::*;
use crate::report::*;
use crate::service::*;
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
page!(compose, include_str!("../guide/03-compose.md"));
page!(crates, include_str!("../guide/04-crates.md"));
page!(values, include_str!("../guide/05-values.md"));
#[cfg(feature = "config")]
page!(configuration, include_str!("../guide/06-configuration.md"));
#[cfg(not(feature = "config"))]
page!(
    configuration,
    "# Configuration\n\nThis page is there with the feature `config`.\n\nNext: [Conditions][page-conditions]"
);
page!(conditions, include_str!("../guide/07-conditions.md"));
page!(boot, include_str!("../guide/08-boot.md"));
page!(parts, include_str!("../guide/09-parts.md"));
page!(run, include_str!("../guide/10-run.md"));
page!(far_away, include_str!("../guide/11-far-away.md"));
page!(close, include_str!("../guide/12-close.md"));
page!(see, include_str!("../guide/13-see.md"));
page!(test, include_str!("../guide/14-test.md"));
#[cfg(feature = "testing")]
page!(test_kit, include_str!("../guide/15-test-kit.md"));
#[cfg(not(feature = "testing"))]
page!(
    test_kit,
    "# The test kit\n\nThis page is there with the feature `testing`.\n\nNext: [Codes][page-codes]"
);
page!(codes, include_str!("../guide/16-codes.md"));
