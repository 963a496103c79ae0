use bootstrap::App;

async fn twice() {
    let app = App::new();
    let _ = app.boot().await;
    let _ = app.boot().await;
}

fn main() {}
