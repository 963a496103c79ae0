//! What is built in: plugins like the user's own, on the public parts of the other rooms.

mod health;

pub use health::{Health, HealthCheck, Verbose};
