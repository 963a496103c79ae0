//! What goes wrong with channels.

/// Why an event is not sent, or a client is not subscribed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SseError {
    /// Not the name of a channel.
    #[error(
        "`{0}` is not the name of a channel: write segments of `a-z`, `A-Z`, `0-9`, `-` and `_` with dots between them, at most 200 characters"
    )]
    ChannelName(String),
    /// A subscription has no channel, or too many.
    #[error("a subscription to {0} channels: name at least 1, and at most 32")]
    ChannelCount(usize),
    /// Not the name of an event.
    #[error(
        "`{0}` is not the name of an event: write 1 to 200 characters without control characters, other than `reset` and `lagged`"
    )]
    EventName(String),
    /// The data can't be serialized as JSON.
    #[error("the data of an event can't be serialized: {0}: correct its type")]
    Data(#[from] serde_json::Error),
    /// The data is too large.
    #[error(
        "an event of {0} bytes is too large: send at most 1 MiB, for example an id that clients fetch"
    )]
    TooLarge(usize),
    /// The client may not subscribe to the channel.
    #[error(
        "this client may not subscribe to `{0}`: list the channel in `sse.public`, or permit the client in the plugin that provides `dyn Authorize`"
    )]
    Forbidden(String),
    /// The authorization has failed.
    #[error("it is unknown whether this client may subscribe to `{channel}`: {error:#}")]
    Authorization {
        /// The channel.
        channel: String,
        /// The error of the app.
        error: anyhow::Error,
    },
    /// There are as many clients as there may be.
    #[error("there are {0} clients already: set `sse.clients` to more")]
    TooManyClients(usize),
    /// There are as many channels as there may be, each with a client.
    #[error("there are {0} channels with clients already: use fewer channels")]
    TooManyChannels(usize),
    /// The app is stopping.
    #[error("the app is stopping: connect again later")]
    Stopping,
}
