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

page!(audit);
page!(clock);
page!(database);
page!(leases);
#[cfg(feature = "named")]
page!(named);
