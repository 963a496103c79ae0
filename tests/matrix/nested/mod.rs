//! Apps whose plugins bring others with them, with scopes and barriers: the same questions as for
//! those without, of trees.

mod actor;
mod book;
mod case;
mod faults;
mod ground;
mod oracle;
mod relations;
mod stress;
mod sweep;
mod threads;
