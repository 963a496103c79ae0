//! What the crates of the shop agree on: traits and plain types. No dependency, not even on
//! `bootstrap`: whoever asks for a `Port<dyn Mailer>` and whoever provides one meet here.

/// A letter to a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who gets it.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// Sends mail.
pub trait Mailer: Send + Sync {
    /// Sends it, and says how.
    fn send(&self, mail: &Mail) -> String;
}

/// One of the things that have to be well for the shop to be well.
pub trait HealthCheck: Send + Sync {
    /// What is wrong, if something is.
    fn complaint(&self) -> Option<String>;
}
