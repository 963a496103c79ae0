//! Two types of events with one name, in a program of their own: no app of it boots.
#![allow(clippy::unwrap_used)]

use bootstrap::prelude::*;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::events::{Event, EventsPlugin};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(name = "user.created")]
struct UserCreated;

mod other {
    use super::{Deserialize, Event, Serialize};

    #[derive(Event, Serialize, Deserialize)]
    #[event(name = "user.created")]
    pub(crate) struct Created;
}

#[tokio::test]
async fn two_types_with_one_name_are_an_error_of_the_boot() {
    let app = App::new().with(ClockPlugin).with(EventsPlugin::default());
    let text = app.boot().await.unwrap_err().to_string();
    assert_eq!(
        text,
        "[events] Plugin load failed: two types of events have the name `user.created`, \
         `events_twice::UserCreated` (bootstrap-services/tests/events_twice.rs:11) and \
         `events_twice::other::Created` (bootstrap-services/tests/events_twice.rs:18): \
         give one of them another `#[event(name = \"..\")]`"
    );
    assert_eq!(UserCreated::NAME, other::Created::NAME);
}
