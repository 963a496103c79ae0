use bootstrap_web::prelude::*;

struct User;
struct Tenant;

#[routes(gives = [User])]
fn sessions() -> impl RouteSet {
    let user = || Give(User);
    let tenant = || Give(Tenant);
    Routes::new().before_handle(user).before_handle(tenant)
}

fn main() {}
