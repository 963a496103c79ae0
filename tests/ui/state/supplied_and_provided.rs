use bootstrap::prelude::*;

#[bootstrap::supplied]
struct Settings;

#[plugin(states = [Settings])]
struct SettingsPlugin;

impl Hooks for SettingsPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Settings> {
        Ok(Settings)
    }
}

fn main() {}
