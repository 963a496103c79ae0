#![doc = include_str!("../guide/links/pages.md")]
#![doc = include_str!("../guide/README.md")]
#![allow(unused_imports, reason = "the pages link to whatever is public")]

use crate::*;

// The pages link to each other by labels. Each page defines its labels as file names, for readers of the repository. Here
// `links/pages.md` comes first and defines them as modules; the first definition of a label wins.
macro_rules! page {
    ($page:ident, $text:expr) => {
        #[doc = include_str!("../guide/links/pages.md")]
        #[doc = $text]
        pub mod $page {}
    };
}

page!(routes, include_str!("../guide/01-routes.md"));
#[cfg(feature = "server")]
page!(resource, include_str!("../guide/resource.md"));
page!(hooks, include_str!("../guide/02-hooks.md"));
page!(requests, include_str!("../guide/03-requests.md"));
page!(problems, include_str!("../guide/04-problems.md"));
page!(sets, include_str!("../guide/05-sets.md"));
page!(tests, include_str!("../guide/06-tests.md"));
#[cfg(feature = "server")]
page!(server, include_str!("../guide/07-server.md"));
page!(health, include_str!("../guide/08-health.md"));
page!(proxies, include_str!("../guide/09-proxies.md"));
page!(observing, include_str!("../guide/10-observing.md"));
#[cfg(feature = "openapi")]
page!(openapi, include_str!("../guide/11-openapi.md"));
#[cfg(all(feature = "compression", feature = "cors", feature = "files"))]
page!(
    cors_compression_files,
    include_str!("../guide/12-cors-compression-files.md")
);
#[cfg(feature = "ws")]
page!(streaming, include_str!("../guide/13-streaming.md"));
#[cfg(feature = "server")]
page!(deploying, include_str!("../guide/14-deploying.md"));
#[cfg(all(feature = "garde", feature = "testing"))]
page!(validation, include_str!("../guide/validation.md"));
#[cfg(feature = "testing")]
page!(authentication, include_str!("../guide/authentication.md"));
page!(compile_errors, include_str!("../guide/compile-errors.md"));
