// In the list stand names of plugins, as strings.
use bootstrap::prelude::*;

struct Config;

fn main() {
    bootstrap::verify!(@check App::collect(), [Config, 3, "api"]);
    bootstrap::verify!(@check App::collect(), [config]);
}
