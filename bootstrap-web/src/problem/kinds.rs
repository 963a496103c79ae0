//! The common problems.

use axum::http::StatusCode;

use crate::problem::Problem;

macro_rules! kinds {
    ($($name:ident $status:ident $code:literal $when:literal;)*) => {
        impl Problem {
            $(
                #[doc = concat!($code, ": ", $when, ".")]
                pub fn $name() -> Self {
                    Self::new(StatusCode::$status)
                }
            )*
        }
    };
}

kinds! {
    bad_request BAD_REQUEST "400" "the request is malformed";
    unauthorized UNAUTHORIZED "401" "the client is not authenticated";
    payment_required PAYMENT_REQUIRED "402" "the client has to pay first";
    forbidden FORBIDDEN "403" "the client may not do this";
    not_found NOT_FOUND "404" "there is nothing at this path, or no such record";
    method_not_allowed METHOD_NOT_ALLOWED "405" "the path does not serve this method";
    conflict CONFLICT "409" "the request contradicts the present state of the resource";
    gone GONE "410" "the resource was removed";
    payload_too_large PAYLOAD_TOO_LARGE "413" "the body is longer than the limit";
    unsupported_media_type UNSUPPORTED_MEDIA_TYPE "415" "the body has a type that is not accepted";
    unprocessable UNPROCESSABLE_ENTITY "422" "the values of the request are not valid";
    too_many_requests TOO_MANY_REQUESTS "429" "the client sends too much";
    internal INTERNAL_SERVER_ERROR "500" "an error of the service";
    not_implemented NOT_IMPLEMENTED "501" "the service does not do this";
    bad_gateway BAD_GATEWAY "502" "a service behind this one failed";
    unavailable SERVICE_UNAVAILABLE "503" "the service can't answer now";
    gateway_timeout GATEWAY_TIMEOUT "504" "a service behind this one did not answer in time";
}
