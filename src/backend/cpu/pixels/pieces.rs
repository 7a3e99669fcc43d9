//! Pieces of a row of pixels: runs of one colour, and literal pixels.

/// Words that a literal of stored pixels becomes at most; half of them behind a run, and first.
pub(crate) const STORED_WORDS: usize = 128;

/// A piece of a row of pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece {
    /// This many pixels with the same bit patterns.
    Run(usize),
    /// This many pixels, at most `STORED_WORDS / C`, of which nothing is known.
    Literal(usize),
}

impl Piece {
    /// How many pixels it has.
    pub(crate) fn len(self) -> usize {
        let (Self::Run(length) | Self::Literal(length)) = self;
        length
    }

    /// How many of its pixels have to be looked at.
    pub(crate) fn looked_at(self) -> usize {
        match self {
            Self::Run(_) => 1,
            Self::Literal(length) => length,
        }
    }
}
