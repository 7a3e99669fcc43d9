//! The program as its users see it: arguments in, files and messages out. One program of tests, since each would be built
//! and linked with all that reads images.

mod common;

mod advice;
mod cryptomatte;
mod documents;
mod export_names;
mod exports;
mod exr_layers;
mod failures;
mod formats;
mod hostile;
mod id_maps;
mod interrupt;
mod leftovers;
mod list_devices;
mod messages;
mod options;
mod outputs;
mod palettes;
mod provinces;
mod segment;
mod stream;
mod streams;
mod tiff_files;
