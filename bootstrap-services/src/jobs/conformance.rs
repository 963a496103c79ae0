//! What each engine has to do.
