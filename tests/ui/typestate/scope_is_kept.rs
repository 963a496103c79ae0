use bootstrap::App;

fn main() {
    let mut app = App::new();
    let admin = app.scope("admin", |admin| admin);
    drop(admin);
}
