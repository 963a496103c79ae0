//! Events: typed messages, and handlers that are plugins.
