//! Requests without a socket, for tests. Requires the feature `testing`.

mod client;
mod response;

pub use client::{Client, TestRequest};
pub use response::TestResponse;
