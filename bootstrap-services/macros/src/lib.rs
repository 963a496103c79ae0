//! The attributes and derives of `bootstrap-services`.
