//! Leases: what one instance at a time may do, with fencing.
