//! Keys below `cron` that nothing reads.

use std::collections::BTreeMap;

use bootstrap::error::ConfigFault;
use bootstrap::{LoadContext, ReadyContext};
use serde::de::IgnoredAny;

use crate::cron::CronPlugin;
use crate::cron::engine::Engine;
use crate::cron::pattern::nearest;

#[allow(
    clippy::zero_sized_map_values,
    reason = "a table has values, which are read elsewhere"
)]
type Keys = Option<BTreeMap<String, IgnoredAny>>;

/// The keys of one task.
pub(super) fn of_task(name: &str, cx: &LoadContext) -> Result<(), ConfigFault> {
    let keys = cx.config::<Keys>(&format!("cron.{name}"));
    let keys = keys.ok().flatten().unwrap_or_default();
    let unknown = keys
        .keys()
        .find(|key| !["enabled", "pattern"].contains(&key.as_str()));
    unknown.map_or(Ok(()), |key| {
        let key = format!("cron.{name}.{key}");
        let wrong = format!("there is no key `{key}`");
        Err(cx.config_error(
            &key,
            wrong,
            "the keys of a task are `pattern` and `enabled`",
        ))
    })
}

/// The names of tasks. One that is disabled did not load, so its name is not known.
pub(super) fn of_cron(engine: &Engine, cx: &ReadyContext<CronPlugin>) -> Result<(), ConfigFault> {
    let keys = cx.config::<Keys>("cron").ok().flatten().unwrap_or_default();
    let names = engine.names();
    // A variable has no `-`.
    let is_same = |one: &str, other: &str| {
        one.replace('-', "_")
            .eq_ignore_ascii_case(&other.replace('-', "_"))
    };
    let is_disabled = |key: &str| {
        let enabled = cx.config::<Option<bool>>(&format!("cron.{key}.enabled"));
        matches!(enabled, Ok(Some(false)))
    };
    let is_known = |key: &str| {
        key == "store" || names.iter().any(|name| is_same(name, key)) || is_disabled(key)
    };
    let unknown = keys.keys().find(|key| !is_known(key));
    unknown.map_or(Ok(()), |key| {
        let near = nearest(key, names.iter().map(String::as_str));
        let help = match near {
            Some(near) => format!("write `cron.{near}`, if that was meant"),
            None => "write the name of a task with `#[cron]`, or `cron.store`".to_owned(),
        };
        let wrong = format!("no task with `#[cron]` is called `{key}`");
        Err(cx.config_error(&format!("cron.{key}"), wrong, help))
    })
}
