use bootstrap::App;

fn main() {
    let mut app = App::new();
    let admin = app.scope("admin", |admin| admin);
    admin.supply(1_u32);
}
