//! A plan as data for other programs.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::plan::children::PlannedChild;
use crate::plan::schedule::{DisabledPlugin, Plan, PlannedPlugin};
use crate::plan::scope::Shadowed;

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plugins: Vec<PlannedPlugin<'_>> = self.order().collect();
        let warnings: Vec<String> = self.warnings().iter().map(ToString::to_string).collect();
        let mut plan = serializer.serialize_struct("Plan", 4)?;
        plan.serialize_field("plugins", &plugins)?;
        plan.serialize_field("warnings", &warnings)?;
        plan.serialize_field("skipped", self.skipped())?;
        plan.serialize_field("disabled", self.disabled())?;
        plan.end()
    }
}

impl Serialize for DisabledPlugin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut off = serializer.serialize_struct("DisabledPlugin", 4)?;
        off.serialize_field("name", &self.place.plugin)?;
        off.serialize_field("declared", &self.place.declared)?;
        off.serialize_field("registered", &self.place.registered)?;
        off.serialize_field("because", &self.because)?;
        off.end()
    }
}

/// Other plugins are given by their places in the plan.
impl Serialize for PlannedPlugin<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let provides: Vec<String> = self.provides().iter().map(ToString::to_string).collect();
        let requires: Vec<u32> = self.requires().map(|plugin| plugin.number()).collect();
        let lazy: Vec<u32> = self.lazy().map(|edge| edge.to.number()).collect();
        let children: Vec<PlannedChild<'_>> = self.children().collect();
        let shadows: Vec<Shadowed<'_>> = self.shadows().collect();
        let mut plugin = serializer.serialize_struct("PlannedPlugin", 11)?;
        plugin.serialize_field("name", self.name())?;
        plugin.serialize_field("level", &self.level())?;
        plugin.serialize_field("declared", &self.declared())?;
        plugin.serialize_field("registered", &self.registered())?;
        plugin.serialize_field("scope", &self.scope().map(|scope| scope.path()))?;
        plugin.serialize_field("barrier", &self.is_barrier())?;
        plugin.serialize_field("provides", &provides)?;
        plugin.serialize_field("requires", &requires)?;
        plugin.serialize_field("lazy", &lazy)?;
        plugin.serialize_field("shadows", &shadows)?;
        plugin.serialize_field("children", &children)?;
        plugin.end()
    }
}

impl Serialize for PlannedChild<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let provides: Vec<String> = self.provides().iter().map(ToString::to_string).collect();
        let mut child = serializer.serialize_struct("PlannedChild", 4)?;
        child.serialize_field("name", self.name())?;
        child.serialize_field("parent", self.parent())?;
        child.serialize_field("declared", &self.declared())?;
        child.serialize_field("provides", &provides)?;
        child.end()
    }
}

impl Serialize for Shadowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shadowed = serializer.serialize_struct("Shadowed", 2)?;
        shadowed.serialize_field("state", &self.state)?;
        shadowed.serialize_field("plugin", &self.plugin.number())?;
        shadowed.end()
    }
}
