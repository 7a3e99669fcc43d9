//! The stages that run on the host, whatever backend counts and labels.

pub(crate) mod color_grid;
pub(crate) mod connect;
pub(crate) mod group;
pub(crate) mod measure;
pub(crate) mod merge;
pub(crate) mod nearest;
pub(crate) mod select;
pub(crate) mod unmix;
