use bootstrap::{App, State};

struct Pool;

async fn too_early() {
    let app = App::new();
    let _ = app.try_get::<State<Pool>>();
    app.close().await;
}

fn main() {}
