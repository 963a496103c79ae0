//! A hand-written `main` that becomes plugins, in steps. Each step connects and closes the same.

// Each step has components of its own, because a state has one provider in the whole program.
#![allow(clippy::duplicate_mod, reason = "each step has its own components")]

use bootstrap::Result;

#[allow(dead_code, reason = "it waits for Ctrl-C")]
mod by_hand;
mod step_1;
mod step_2;
mod step_3;

#[tokio::main]
async fn main() -> Result<()> {
    let apps = [step_1::app(), step_2::app()?, step_3::app()?];
    for (step, app) in (1..).zip(apps) {
        println!("step {step}");
        // One hook at a time, so that this program always prints the same.
        app.max_concurrency(1).boot().await?.close().await?;
    }
    Ok(())
}
