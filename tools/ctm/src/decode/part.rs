//! Which part of an image file is read, where it has several.

use anyhow::bail;
use image::ImageFormat;
use serde::{Deserialize, Serialize};

use crate::terminal::count;

/// What of a file is asked for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Part {
    /// The frame or page, from 1; none: the first, and it is said that there are others.
    pub(crate) frame: Option<u32>,
    /// The layer of an OpenEXR file; none: the first with colours.
    pub(crate) layer: Option<String>,
    /// The channels of an OpenEXR file, in the order of a pixel's values; none: those of a colour.
    pub(crate) channels: Vec<String>,
}

impl Part {
    /// Refuses what a format has not.
    pub(super) fn check(&self, format: ImageFormat) -> anyhow::Result<()> {
        use ImageFormat::{Gif, OpenExr, Png, Tiff, WebP};
        if format != OpenExr && (self.layer.is_some() || !self.channels.is_empty()) {
            bail!("has no named layers and channels (--layer, --channels); OpenEXR images have");
        }
        match self.frame {
            Some(frame) if frame > 1 && !matches!(format, Gif | Png | Tiff | WebP) => {
                missing(frame, 1, "frame")
            }
            _ => Ok(()),
        }
    }

    /// The place of the frame among so many, from 0. `noun`: what the format calls it.
    pub(super) fn place(&self, frames: u32, noun: &str) -> anyhow::Result<u32> {
        match self.frame {
            Some(frame) if frame == 0 || frame > frames => missing(frame, frames, noun)?,
            _ => {}
        }
        Ok(self.frame.unwrap_or(1).saturating_sub(1))
    }

    /// What is said about the frames that are not read: nothing to who has asked for this one.
    /// `noun`: what the format calls them.
    pub(super) fn others(&self, noun: &str, text: impl FnOnce() -> String) -> Option<String> {
        self.frame.is_none().then(|| format!("{} (--{noun} N, --all-{noun}s)", text()))
    }
}

fn missing(frame: u32, frames: u32, noun: &str) -> anyhow::Result<()> {
    bail!("has {}; there is no {noun} {frame}", count(frames.into(), noun))
}
