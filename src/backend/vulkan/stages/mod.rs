//! Each stage's host side.

pub(crate) mod chunk;
pub(crate) mod count_few;
pub(crate) mod count_many;
pub(crate) mod expand;
pub(crate) mod fingerprints;
pub(crate) mod label;
pub(crate) mod label_target;
pub(crate) mod palette_table;
pub(crate) mod read;
pub(crate) mod work;
