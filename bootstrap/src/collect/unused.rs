//! `Unused`: what becomes of plugins without dependents.

/// What becomes of plugins without dependents; see [`App::unused`](crate::App::unused).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unused {
    /// They are loaded like the others.
    #[default]
    Load,
    /// They are loaded, and each is a [`PlanWarning`](crate::plan::PlanWarning).
    Warn,
    /// Each is a [`Mistake`](crate::error::Mistake).
    Deny,
    /// They are not part of the plan, and never loaded; nor are those that only they need.
    Skip,
}
