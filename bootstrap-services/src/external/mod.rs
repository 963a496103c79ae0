//! External jobs: jobs that a program of any language does.
//!
//! A handler of jobs [defines](ExternalJobs::define) a program in its `load`, and [runs](ExternalJobs::run) it for each job. The room exists on Unix only.

mod api;
mod message;
mod plugin;
mod program;

pub use api::ExternalJobs;
pub use plugin::ExternalJobsPlugin;
