//! What errors and warnings say, to the letter: the first line what is wrong, the last what to do.

use bootstrap::App;
use bootstrap::error::BootError;

mod boot;
mod foreign;
mod itself;
mod late;
mod limits;
mod stop;

/// The diagnosis of a boot that fails, without the places, which change with every line of a test.
async fn fails_to_boot(app: App) -> Vec<String> {
    lines(&boot_error(app).await.render())
}

async fn boot_error(app: App) -> BootError {
    app.boot().await.expect_err("a boot that fails")
}

fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.contains("-->"));
    lines.map(str::to_owned).collect()
}
