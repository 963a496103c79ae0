use bootstrap::App;

struct Pool;

async fn too_early() {
    let app = App::new();
    let _ = app.state::<Pool>();
    app.close().await;
}

fn main() {}
