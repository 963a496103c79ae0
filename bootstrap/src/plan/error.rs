//! Why there is no plan.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::base::diagnostic::{Code, Diagnose, Diagnostic, diagnosed};
#[cfg(feature = "config")]
use crate::base::key::StateKey;
use crate::base::text;
use crate::report::Mistake;

/// Every mistake that was found while planning. No hook has run.
///
/// `Display` is one line; `Debug` and [`PlanErrors::render`] are the whole diagnosis.
#[derive(Clone)]
pub struct PlanErrors(Arc<Mistakes>);

struct Mistakes {
    errors: Vec<Mistake>,
    diagnosis: Diagnosis,
}

impl PlanErrors {
    pub(crate) fn new(errors: Vec<Mistake>) -> Self {
        let diagnoses: Vec<String> = errors.iter().map(Mistake::render).collect();
        Self(Arc::new(Mistakes {
            errors,
            diagnosis: Diagnosis(diagnoses.join("\n\n")),
        }))
    }

    /// Returns the plan, unless something else is wrong as well.
    pub(super) fn beside<P>(planned: Result<P, Self>, wrong: Vec<Mistake>) -> Result<P, Self> {
        if wrong.is_empty() {
            return planned;
        }
        let mut errors = planned.map_or_else(|errors| errors.errors().to_vec(), |_| Vec::new());
        errors.extend(wrong);
        Err(Self::new(errors))
    }

    /// Returns the plan, unless choices of the configuration are wrong, which come before what is
    /// wrong in it. What they decide about is missing then, and is no second mistake.
    #[cfg(feature = "config")]
    pub(crate) fn behind<P>(
        wrong: Vec<Mistake>,
        decided: &[StateKey],
        planned: Result<P, Self>,
    ) -> Result<P, Self> {
        if wrong.is_empty() {
            return planned;
        }
        let later = planned.err();
        let follows = |it: &&Mistake| matches!(it, Mistake::MissingProvider { state, .. } if decided.contains(state));
        let later = later.iter().flat_map(Self::errors);
        let later = later.filter(|it| !follows(it)).cloned();
        Err(Self::new(wrong.into_iter().chain(later).collect()))
    }

    /// The mistakes, in an order that does not depend on the order of registration.
    pub fn errors(&self) -> &[Mistake] {
        &self.0.errors
    }

    /// The stable code of the first mistake.
    pub fn code(&self) -> Code {
        let first = self.errors().first();
        first.map_or(Code::MissingProvider, Mistake::code)
    }

    /// The whole diagnosis of each mistake, on several lines.
    pub fn render(&self) -> String {
        self.0.diagnosis.0.clone()
    }
}

impl PlanErrors {
    /// The whole diagnosis with the exit code that the process ends with.
    pub(crate) fn render_with(&self, exit_code: u8) -> String {
        let code = exit_code.to_string();
        match self.errors() {
            [only] => only.diagnostic().note("exit code", code).to_string(),
            _ => format!("{}\n\nexit code: {code}", self.render()),
        }
    }
}

diagnosed!(PlanErrors);

/// The description is that of the first mistake, with the titles of the others as notes; those of all
/// are [`PlanErrors::errors`].
impl Diagnose for PlanErrors {
    fn diagnostic(&self) -> Diagnostic {
        match self.errors() {
            [] => Diagnostic::new(self.code(), self.to_string(), "plan the app again"),
            [only] => only.diagnostic(),
            [first, rest @ ..] => {
                let first = first.diagnostic();
                let help = first.help().to_owned();
                let told = first.with(self.to_string(), help);
                rest.iter().fold(told, |told, error| {
                    told.note("also wrong", format!("{error} [{}]", error.code()))
                })
            }
        }
    }

    fn render(&self) -> String {
        PlanErrors::render(self)
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors() {
            [] => f.write_str("the app can't be planned"),
            [only] => only.fmt(f),
            [first, rest @ ..] => {
                write!(f, "{first} (and {} more)", text::count(rest.len(), "error"))
            }
        }
    }
}

/// The [`source`](Error::source) of all of them is the whole diagnosis. A program that prints a chain of
/// errors, as `anyhow` does when `main` returns one, shows it.
impl Error for PlanErrors {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0.diagnosis)
    }
}

/// The whole diagnosis as the end of a chain of errors.
#[derive(Clone, Debug)]
struct Diagnosis(String);

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Diagnosis {}
