use bootstrap_web::prelude::*;

async fn check() -> Result<(), Problem> {
    let request = RequestContext::current()?;
    *request.method() = Method::GET;
    Ok(())
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(check)
}

fn main() {}
