//! What the audit log measures: `audit_recorded_total` and `audit_purged_total`.

#[cfg(feature = "metrics")]
pub(super) fn recorded() {
    ::metrics::counter!("audit_recorded_total").increment(1);
}

#[cfg(feature = "metrics")]
pub(super) fn purged(entries: u64) {
    ::metrics::counter!("audit_purged_total").increment(entries);
}

#[cfg(not(feature = "metrics"))]
pub(super) fn recorded() {}

#[cfg(not(feature = "metrics"))]
pub(super) fn purged(_: u64) {}
