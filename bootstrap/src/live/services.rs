//! The services of an app, by name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::panic::guard;
use crate::base::phase::Phase;
use crate::declare::{AppHook, Service, ServiceError, StateValue};
use crate::report::{HookError, HookFailure};

/// Which services there are. Allocates nothing as long as there are none; no user code runs under
/// its lock.
#[derive(Default)]
pub(crate) struct Services(RwLock<Table>);

#[derive(Default)]
struct Table {
    entries: BTreeMap<Cow<'static, str>, Entry>,
    /// How many values have been put here so far.
    puts: u64,
    /// Whether all have been let go of.
    is_closed: bool,
}

struct Entry {
    /// Where it was defined, or set.
    at: Location,
    is: Is,
}

enum Is {
    NotStarted,
    Disabled,
    /// The one that was put here as the n-th.
    Here(StateValue, u64),
}

/// A service that is being let go of.
pub(crate) struct Leaving {
    name: Cow<'static, str>,
    at: Location,
    value: StateValue,
}

impl Services {
    /// Notes which services will start, so that they are known before they have.
    pub(crate) fn expect(&self, services: &[Service]) {
        if services.is_empty() {
            return;
        }
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.entries.extend(services.iter().map(|service| {
            let (at, is) = (service.location(), Is::NotStarted);
            (service.key(), Entry { at, is })
        }));
    }

    pub(crate) fn find(&self, name: &str) -> Result<StateValue, ServiceError> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let service = || name.to_owned();
        match table.entries.get(name).map(|entry| &entry.is) {
            Some(Is::Here(value, _)) => Ok(value.clone()),
            Some(Is::Disabled) => Err(ServiceError::Disabled { service: service() }),
            Some(Is::NotStarted) => Err(ServiceError::NotStarted { service: service() }),
            None if table.is_closed => Err(ServiceError::Closed { service: service() }),
            None => Err(ServiceError::Missing {
                service: service(),
                known: table.entries.keys().map(ToString::to_string).collect(),
            }),
        }
    }

    /// Puts a value there, or notes that there is none. Returns the one from before.
    pub(crate) fn put(
        &self,
        name: Cow<'static, str>,
        value: Option<StateValue>,
        at: Location,
    ) -> Result<Option<StateValue>, ServiceError> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if table.is_closed {
            drop(table);
            let service = name.into_owned();
            return Err(ServiceError::Closed { service });
        }
        table.puts += 1;
        let is = match value {
            Some(value) => Is::Here(value, table.puts),
            None => Is::Disabled,
        };
        let before = table.entries.insert(name, Entry { at, is });
        drop(table);
        Ok(before.and_then(|entry| match entry.is {
            Is::Here(value, _) => Some(value),
            Is::NotStarted | Is::Disabled => None,
        }))
    }

    /// Takes all of them out, the last one first. From now on there are none.
    pub(crate) fn close(&self) -> Vec<Leaving> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.is_closed = true;
        let entries = std::mem::take(&mut table.entries);
        drop(table);
        let here = entries.into_iter().filter_map(|(name, entry)| {
            let Is::Here(value, place) = entry.is else {
                return None;
            };
            let at = entry.at;
            Some((place, Leaving { name, at, value }))
        });
        let mut here: Vec<_> = here.collect();
        here.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        here.into_iter().map(|(_, leaving)| leaving).collect()
    }

    /// Drops all of them, where they are not dropped in their turn. Returns what went wrong.
    pub(crate) fn give_up(&self) -> Vec<HookError> {
        let dropped = self.close().into_iter().filter_map(|leaving| {
            let Leaving { name, at, value } = leaving;
            let message = guard(|| drop(value)).err()?;
            let cause = HookFailure::Panic(message);
            Some(HookError::new(name.into(), at, Phase::ServiceDrop, cause))
        });
        dropped.collect()
    }
}

impl Leaving {
    pub(crate) fn name(&self) -> PluginName {
        self.name.clone().into()
    }

    /// The drop as a hook: it is the user's code, and may panic or block.
    pub(crate) fn into_hook(self) -> AppHook {
        let Self { value, at, .. } = self;
        let release = move |_| async move {
            drop(value);
            Ok(())
        };
        AppHook::new(release, at)
    }
}
