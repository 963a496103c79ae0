//! Channels of server-sent events.
