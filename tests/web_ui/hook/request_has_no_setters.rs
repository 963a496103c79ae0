use bootstrap_web::prelude::*;

async fn check() -> Result<(), Problem> {
    let mut request = RequestContext::current()?;
    request.set_method(Method::GET);
    Ok(())
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(check)
}

fn main() {}
