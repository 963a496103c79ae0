//! What leases measure: `leases_acquired_total`, `leases_lost_total` and `leases_held`, each with the `name` of the lease.

#[cfg(feature = "metrics")]
pub(crate) fn acquired(name: &str) {
    ::metrics::counter!("leases_acquired_total", "name" => name.to_owned()).increment(1);
    ::metrics::gauge!("leases_held", "name" => name.to_owned()).increment(1);
}

#[cfg(feature = "metrics")]
pub(crate) fn ended(name: &str, lost: bool) {
    ::metrics::gauge!("leases_held", "name" => name.to_owned()).decrement(1);
    if lost {
        ::metrics::counter!("leases_lost_total", "name" => name.to_owned()).increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn acquired(_: &str) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn ended(_: &str, _: bool) {}
