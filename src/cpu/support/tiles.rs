//! The pixels of a part of the image: the caller's own, or read into a room of the thread's.

use std::ops::Range;

use crate::error::Error;
use crate::labels::TILE;
use crate::pixels::Pixels;

/// An image whose pixels have `C` words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles<'a, const C: usize> {
    source: Source<'a, C>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a, const C: usize> {
    /// The pixels are such words.
    Words(&'a [[u32; C]]),
    Read(&'a Pixels<'a>),
}

/// Where a thread reads a tile's pixels to.
#[derive(Debug)]
pub(crate) struct Room<const C: usize>(Vec<[u32; C]>);

impl<'a, const C: usize> Tiles<'a, C> {
    /// `C` is the number of words that a pixel has.
    pub(crate) fn new(pixels: &'a Pixels) -> Self {
        let source = match pixels.words() {
            Some(words) => Source::Words(words.as_chunks().0),
            None => Source::Read(pixels),
        };
        Self { source }
    }

    /// How many pixels there are.
    pub(crate) fn len(&self) -> usize {
        match self.source {
            Source::Words(pixels) => pixels.len(),
            Source::Read(pixels) => pixels.shape().plane(),
        }
    }

    /// A thread's room for a tile.
    pub(crate) fn room(&self) -> Result<Room<C>, Error> {
        Ok(Room(match self.source {
            Source::Words(_) => Vec::new(),
            Source::Read(_) => {
                let mut room = crate::memory::room(TILE)?;
                room.resize(TILE, [0; C]);
                room
            }
        }))
    }

    /// At most a tile's pixels.
    #[inline(always)]
    pub(crate) fn pixels<'r>(&self, range: Range<usize>, room: &'r mut Room<C>) -> &'r [[u32; C]]
    where
        'a: 'r,
    {
        match self.source {
            Source::Words(pixels) => &pixels[range],
            Source::Read(pixels) => {
                let room = &mut room.0[..range.len()];
                pixels.read(range.start, room.as_flattened_mut());
                room
            }
        }
    }
}

#[cfg(test)]
impl<'a, const C: usize> From<&'a [[u32; C]]> for Tiles<'a, C> {
    fn from(pixels: &'a [[u32; C]]) -> Self {
        Self { source: Source::Words(pixels) }
    }
}

/// A range's parts of at most a tile, from its start on.
pub(crate) fn tiles_of(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = range;
    (start..end).step_by(TILE).map(move |first| first..end.min(first + TILE))
}
