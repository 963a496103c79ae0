// Several names without brackets around them.
bootstrap::verify!("config", "api");

bootstrap::verify!(my_app(), "api");

fn main() {}
