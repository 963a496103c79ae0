//! One case: a seed, and what goes wrong. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::base::phase::Phase;
use crate::testing::fault::{Fault, Kind, Moment};
use crate::testing::watch::Hook;

/// How long a hook takes that takes long.
const LONG: Duration = Duration::from_millis(50);

/// One run of an app: the order, and what goes wrong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) trouble: Option<Trouble>,
}

/// What goes wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) plugin: String,
    pub(super) phase: Phase,
    what: What,
    moment: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Fail,
    Panic,
    Hang,
    Take,
}

const PHASES: [(&str, Phase); 5] = [
    ("load", Phase::Load),
    ("ready", Phase::Ready),
    ("run", Phase::Run),
    ("drain", Phase::Drain),
    ("close", Phase::Close),
];

const WHAT: [(&str, What); 4] = [
    ("fail", What::Fail),
    ("panic", What::Panic),
    ("hang", What::Hang),
    ("take", What::Take),
];

const MOMENTS: [(&str, Moment); 3] = [
    ("", Moment::Before),
    ("-midway", Moment::Midway),
    ("-afterwards", Moment::Afterwards),
];

/// The name of one of a list.
fn name<T: PartialEq>(list: &[(&'static str, T)], one: &T) -> &'static str {
    let found = list.iter().find(|(_, other)| other == one);
    found.map_or("", |(name, _)| name)
}

/// The one of a list with a name.
fn named<T: Copy>(list: &[(&'static str, T)], name: &str) -> Option<T> {
    let found = list.iter().find(|(other, _)| *other == name);
    found.map(|(_, one)| *one)
}

impl Trouble {
    pub(super) fn fault(&self) -> Fault {
        let mut point = Fault::at(self.plugin.clone(), self.phase);
        point.moment = self.moment;
        point.becomes(match self.what {
            What::Fail => Kind::Fail("a fault".into()),
            What::Panic => Kind::Panic("a fault".into()),
            What::Hang => Kind::Hang,
            What::Take => Kind::Take(LONG),
        })
    }

    /// Whether the hook that was to clean up had no chance to.
    pub(super) fn cuts_cleaning(&self) -> bool {
        let cleans = matches!(self.phase, Phase::Drain | Phase::Close);
        cleans && self.moment == Moment::Midway
    }

    /// Why it did not happen, in words.
    pub(super) fn missed(&self, hooks: &[Hook]) -> String {
        let phase = self.phase;
        let is_it = |hook: &&Hook| hook.plugin == self.plugin && hook.phase == phase;
        let why = match (hooks.iter().find(is_it), self.moment) {
            (None, _) => "did not begin",
            (Some(_), Moment::Midway) => "never waited",
            (Some(_), _) => "did not return `Ok`",
        };
        format!("the fault of this case did not happen: its `{phase}` {why}")
    }

    /// Whether a boot may not end by itself.
    pub(super) fn hangs(&self) -> bool {
        self.what == What::Hang
    }

    /// Whether it is a `load` that fails.
    pub(super) fn fails_load(&self) -> bool {
        self.phase == Phase::Load && matches!(self.what, What::Fail | What::Panic)
    }
}

/// Everything that may go wrong in a hook.
///
/// A hook that cleans up does its work first: of one that does nothing at all, what it was to clean
/// up is left, and no code could do anything about that. A `load` that has done its work has
/// succeeded: what fails then is another hook. A `run` hook always begins.
pub(super) fn troubles(hook: &Hook) -> Vec<Trouble> {
    use Moment::{Afterwards, Before, Midway};
    use What::{Fail, Hang, Panic, Take};
    let mut all = match hook.phase {
        Phase::Load | Phase::Ready => {
            vec![
                (Fail, Before),
                (Panic, Before),
                (Hang, Before),
                (Take, Before),
            ]
        }
        Phase::Run => vec![(Fail, Afterwards), (Panic, Afterwards)],
        _ => vec![
            (Fail, Afterwards),
            (Panic, Afterwards),
            (Hang, Afterwards),
            (Take, Before),
        ],
    };
    if hook.waits {
        match hook.phase {
            Phase::Drain | Phase::Close => all.push((Hang, Midway)),
            _ => all.extend([(Fail, Midway), (Panic, Midway), (Hang, Midway)]),
        }
    }
    let trouble = |(what, moment)| Trouble {
        plugin: hook.plugin.clone(),
        phase: hook.phase,
        what,
        moment,
    };
    all.into_iter().map(trouble).collect()
}

/// `7:database:load:fail-midway`, or `7:none`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seed)?;
        let Some(trouble) = &self.trouble else {
            return f.write_str("none");
        };
        let phase = name(&PHASES, &trouble.phase);
        let (what, moment) = (name(&WHAT, &trouble.what), name(&MOMENTS, &trouble.moment));
        write!(f, "{}:{phase}:{what}{moment}", trouble.plugin)
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no case: write what a report says, such as `7:database:load:fail` or \
                 `7:none`"
            )
        };
        let (seed, rest) = text.trim().split_once(':').ok_or_else(wrong)?;
        let seed = seed.parse().map_err(|_| wrong())?;
        if rest == "none" {
            return Ok(Self {
                seed,
                trouble: None,
            });
        }
        // From the end: names may have a colon.
        let mut parts = rest.rsplitn(3, ':');
        let (what, phase, plugin) = (parts.next(), parts.next(), parts.next());
        let what = what.ok_or_else(wrong)?;
        let (what, moment) = match what.split_once('-') {
            Some((what, moment)) => (what, format!("-{moment}")),
            None => (what, String::new()),
        };
        let phase = phase.and_then(|phase| named(&PHASES, phase));
        Ok(Self {
            seed,
            trouble: Some(Trouble {
                plugin: plugin.ok_or_else(wrong)?.to_owned(),
                phase: phase.ok_or_else(wrong)?,
                what: named(&WHAT, what).ok_or_else(wrong)?,
                moment: named(&MOMENTS, &moment).ok_or_else(wrong)?,
            }),
        })
    }
}

/// In words.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin,
            phase,
            what,
            moment,
        } = self;
        let does = match what {
            What::Fail => "fails",
            What::Panic => "panics",
            What::Hang => "hangs",
            What::Take => "takes 50 ms",
        };
        let when = match moment {
            Moment::Before => ", before it has done anything",
            Moment::Midway => ", where it waits for the first time",
            Moment::Afterwards => ", when it has done its work",
        };
        write!(f, "`{phase}` of `{plugin}` {does}{when}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_is_written() {
        let hooks = PHASES.map(|(_, phase)| Hook {
            plugin: "server/tenant#2".to_owned(),
            phase,
            waits: true,
        });
        for trouble in hooks.iter().flat_map(troubles) {
            let case = Case {
                seed: 12,
                trouble: Some(trouble),
            };
            assert_eq!(case.to_string().parse(), Ok(case));
        }
        let none = Case {
            seed: 3,
            trouble: None,
        };
        assert_eq!("3:none".parse(), Ok(none));
        let text = "7:a:b:close:hang-afterwards";
        let case: Case = text.parse().unwrap();
        assert_eq!(case.trouble.as_ref().unwrap().plugin, "a:b");
        assert_eq!(case.to_string(), text);
    }

    #[test]
    fn what_is_no_case_is_told() {
        for text in [
            "",
            "7",
            "x:none",
            "7:a:load",
            "7:a:load:explode",
            "7:a:lunch:fail",
            "7:a:load:fail-early",
        ] {
            let error = text.parse::<Case>().unwrap_err();
            assert!(error.contains("is no case"), "{error}");
        }
    }

    #[test]
    fn hooks_that_never_wait_have_no_middle() {
        let hook = |waits| Hook {
            plugin: "a".to_owned(),
            phase: Phase::Load,
            waits,
        };
        assert_eq!(troubles(&hook(false)).len(), 4);
        assert_eq!(troubles(&hook(true)).len(), 7);
    }
}
