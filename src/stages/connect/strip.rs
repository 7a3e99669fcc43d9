//! What is found in a strip: which component each of its pixels is in.

use std::ops::Range;

use crate::labels::TILE;
use crate::types::geometry::Frame;
use crate::types::matching::Connectivity;

/// Tiles of a strip: enough that borders are few, few enough that two bytes number all its pixels, which then stay in a
/// core's caches.
pub(super) const STRIP_TILES: usize = 4;

/// Pixels of a strip, at most.
pub(super) const STRIP: usize = STRIP_TILES * TILE;

const _: () = assert!(STRIP == 1 << u16::BITS, "two bytes number a strip's pixels");

/// What is connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) frame: Frame,
    pub(crate) connectivity: Connectivity,
    /// Whether only the first image's regions are wanted.
    pub(crate) first_image: bool,
}

impl Area {
    /// The pixels of the row above that touch some of a row of an image that begin in a column; `None` in its first row.
    #[inline]
    pub(super) fn above(&self, row: usize, column: usize, pixels: Range<usize>) -> Option<Range<usize>> {
        if row == 0 {
            return None;
        }
        let width = self.frame.width;
        let corners = self.connectivity == Connectivity::Eight;
        let left = usize::from(corners && column > 0);
        let right = usize::from(corners && column + pixels.len() < width);
        Some(pixels.start - width - left..pixels.end - width + right)
    }
}

/// A part of a region as far as it is known to be connected.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Component {
    /// The number of its mask plus one, 0 where its pixels are in none; once components are numbered, its class.
    pub(super) mask_label: u32,
    /// Its pixels, none where it has become a part of another; once components are numbered, how many of its class come
    /// before it: see `Numbers`. While strips are being connected, see `Borders`.
    pub(super) number: u32,
}

/// Pixels of a strip that follow each other in a row and are in one component.
#[derive(Clone, Copy, Debug)]
pub(super) struct ComponentRun {
    /// From the strip's first pixel on.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The number of its component in the strip.
    pub(super) component: u32,
}

/// The components of a strip's pixels, whichever takes less time.
#[derive(Debug)]
pub(super) enum Pieces {
    /// Pixels that are in no run are in no component.
    Runs(Vec<ComponentRun>),
    /// Of each pixel; there may be more of them than pixels.
    Pixels(Vec<u16>),
}

/// Consecutive pixels of the images.
#[derive(Debug)]
pub(super) struct Strip {
    pub(super) first: usize,
    pub(super) pixels: usize,
    pub(super) pieces: Pieces,
}

impl Strip {
    /// One of its pieces.
    #[inline]
    fn piece(&self, index: usize) -> Option<ComponentRun> {
        match &self.pieces {
            Pieces::Runs(runs) => runs.get(index).copied(),
            Pieces::Pixels(components) => {
                // Lossless: a strip has no more pixels.
                let piece = |&component: &u16| ComponentRun {
                    start: index as u32,
                    end: index as u32 + 1,
                    component: component.into(),
                };
                components[..self.pixels].get(index).map(piece)
            }
        }
    }

    /// The first piece that ends behind a pixel of the images.
    fn piece_behind(&self, pixel: usize) -> usize {
        match &self.pieces {
            Pieces::Runs(runs) => runs.partition_point(|run| self.first + run.end as usize <= pixel),
            Pieces::Pixels(_) => pixel.saturating_sub(self.first),
        }
    }

    /// All its pieces, in order.
    pub(super) fn all_pieces(&self) -> impl Iterator<Item = ComponentRun> + use<'_> {
        (0..).map_while(|index| self.piece(index))
    }

    /// The last piece, if it ends with the strip.
    pub(super) fn last_piece(&self) -> Option<ComponentRun> {
        let last = match &self.pieces {
            Pieces::Runs(runs) => runs.last().copied(),
            Pieces::Pixels(_) => self.piece(self.pixels.wrapping_sub(1)),
        };
        last.filter(|last| last.end as usize == self.pixels)
    }
}

/// A component, by its strip's number and its own.
pub(super) type Place = (usize, u32);

/// A place among the pieces of consecutive strips.
#[derive(Clone, Copy)]
pub(super) struct PieceCursor<'a> {
    strips: &'a [Strip],
    strip: usize,
    piece: usize,
}

impl<'a> PieceCursor<'a> {
    /// At the first piece that ends behind a pixel.
    pub(super) fn at(strips: &'a [Strip], pixel: usize) -> Self {
        let strip = strips.partition_point(|strip| strip.first + strip.pixels <= pixel);
        let piece = strips.get(strip).map_or(0, |strip| strip.piece_behind(pixel));
        Self { strips, strip, piece }
    }

    #[inline]
    fn peek(&mut self) -> Option<(&'a Strip, ComponentRun)> {
        loop {
            let strip = self.strips.get(self.strip)?;
            if let Some(piece) = strip.piece(self.piece) {
                return Some((strip, piece));
            }
            (self.strip, self.piece) = (self.strip + 1, 0);
        }
    }

    /// Goes on to the first piece that ends behind a pixel.
    #[inline]
    pub(super) fn skip_before(&mut self, pixel: usize) {
        while let Some((strip, piece)) = self.peek()
            && strip.first + piece.end as usize <= pixel
        {
            self.piece += 1;
        }
    }

    /// The components of the pieces from here on that begin before a pixel.
    #[inline]
    pub(super) fn until(mut self, pixel: usize) -> impl Iterator<Item = Place> + use<'a> {
        std::iter::from_fn(move || {
            let (strip, piece) = self.peek()?;
            (strip.first + (piece.start as usize) < pixel).then(|| {
                self.piece += 1;
                (self.strip, piece.component)
            })
        })
    }
}

/// Memory that is kept from call to call.
#[derive(Debug, Default)]
pub(crate) struct RegionMemory {
    /// Each of a strip's pixels.
    pub(super) pixels: Vec<Vec<u16>>,
    pub(super) components: Vec<Vec<Component>>,
}
