use bootstrap::App;

struct Pool;

async fn too_early() {
    let app = App::new();
    let _ = app.handle::<State<Pool>>();
    app.close().await;
}

fn main() {}
