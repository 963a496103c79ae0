//! `sqlx::migrate!` reads the migrations when it expands; cargo does not know that by itself.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
