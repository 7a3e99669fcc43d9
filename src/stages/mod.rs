//! The stages that run on the host, whatever backend counts and labels.

pub(crate) mod absorb;
mod color_grid;
mod color_tree;
pub(crate) mod connect;
pub(crate) mod group;
pub(crate) mod join;
pub(crate) mod measure;
pub(crate) mod merge;
pub(crate) mod nearest;
pub(crate) mod part;
pub(crate) mod select;
mod sort;
pub(crate) mod unmix;
