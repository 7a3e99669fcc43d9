//! Strips become one image: components that touch across the borders of strips are connected.
//!
//! Only components that do have a node here: most of noise have none. A component with a node says so with the highest bit
//! of its number, whose other bits are the node's. In the end the first component of each region has the pixels of all, as
//! far as 32 bits say, and the others have none.

use crate::error::Error;
use crate::runtime::alloc::try_push;
use crate::stages::connect::numbers::Numbers;
use crate::stages::connect::strip::{Area, Component, PieceCursor, Pieces, Place, Strip};
use crate::types::geometry::Frame;
use crate::types::matching::Connectivity;

/// What a component's number has where it is a node's.
const IS_NODE: u32 = 1 << 31;

/// What stands for this and all larger numbers of pixels: see `Borders::pixels`.
const MANY: u32 = u32::MAX;

/// The components of each strip.
pub(super) type Components = Vec<Vec<Component>>;

/// A component that is connected with one of another strip.
#[derive(Clone, Copy, Debug)]
struct Node {
    place: Place,
    /// A node whose component comes earlier, or itself.
    parent: u32,
    pixels: u64,
}

/// How the components of strips are connected.
#[derive(Debug, Default)]
pub(super) struct Borders {
    nodes: Vec<Node>,
    /// Components of `MANY` pixels or more.
    large: Vec<(Place, u64)>,
}

impl Borders {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
    }

    /// Connects the last of the strips with those before.
    pub(super) fn union_last(
        &mut self,
        area: &Area,
        strips: &[Strip],
        components: &mut Components,
    ) -> Result<(), Error> {
        let Some((last, before)) = strips.split_last() else { return Ok(()) };
        let is_done = match before.last() {
            Some(previous) => self.union_pixels(area, (before.len(), [previous, last]), components)?,
            None => true,
        };
        let mut known = None;
        let mut touch = |a: Place, b: Place| {
            // Of large regions many pixels touch.
            if known.replace((a, b)) == Some((a, b)) {
                return Ok(());
            }
            let mask = mask_label(components, a);
            if mask == 0 || mask != mask_label(components, b) {
                return Ok(());
            }
            let (a, b) = (self.node(components, a)?, self.node(components, b)?);
            self.union(a, b);
            Ok(())
        };
        let number = before.len();
        // A run may have begun in the strip before.
        if let Some(strip) = before.last()
            && let (Some(left), Some(right)) = (strip.last_piece(), last.all_pieces().next())
            && right.start == 0
            && !last.first.is_multiple_of(area.frame.width)
        {
            touch((number - 1, left.component), (number, right.component))?;
        }
        if is_done {
            return Ok(());
        }
        let Frame { width, height, .. } = area.frame;
        let (mut row, mut column) = (last.first / width, last.first % width);
        let mut row_start = last.first - column;
        let mut cursor = None;
        for piece in last.all_pieces() {
            let pixels = last.first + piece.start as usize..last.first + piece.end as usize;
            while pixels.start - row_start >= width {
                (row, row_start) = (row + 1, row_start + width);
            }
            column = pixels.start - row_start;
            let Some(above) = area.above(row % height, column, pixels) else { continue };
            if above.start >= last.first {
                break; // so do all that follow
            }
            let cursor = cursor.get_or_insert_with(|| PieceCursor::at(before, above.start));
            cursor.skip_before(above.start);
            cursor.until(above.end).try_for_each(|other| touch(other, (number, piece.component)))?;
        }
        Ok(())
    }

    /// Connects a strip, of this number, with the one before, where each pixel of both has its component, and the row above is
    /// in one strip: then nothing needs to be looked for. False where that is not so.
    fn union_pixels(
        &mut self,
        area: &Area,
        (number, [previous, last]): (usize, [&Strip; 2]),
        components: &mut Components,
    ) -> Result<bool, Error> {
        let (Pieces::Pixels(above), Pieces::Pixels(own)) = (&previous.pieces, &last.pieces) else {
            return Ok(false);
        };
        let Frame { width, height, .. } = area.frame;
        if last.first <= previous.first + width {
            return Ok(false);
        }
        let reach = usize::from(area.connectivity == Connectivity::Eight);
        let (row, column) = (last.first / width, last.first % width);
        // Behind a row, one pixel more touches the strip before by its corner.
        for (index, &own) in own.iter().enumerate().take((width + reach).min(last.pixels)) {
            let (row, column) = match column + index {
                column if column < width => (row, column),
                column => (row + column / width, column % width),
            };
            let place = (number, u32::from(own));
            let mask = mask_label(components, place);
            if mask == 0 || row.is_multiple_of(height) {
                continue;
            }
            let (left, right) = (reach.min(column), reach.min(width - 1 - column));
            let pixel_above = last.first + index - width - previous.first;
            // Those behind the strip before are in this one.
            let end = (pixel_above + right + 1).min(previous.pixels);
            for &other in &above[(pixel_above - left).min(end)..end] {
                let other = (number - 1, u32::from(other));
                if mask_label(components, other) == mask {
                    let (a, b) = (self.node(components, other)?, self.node(components, place)?);
                    self.union(a, b);
                }
            }
        }
        Ok(true)
    }

    /// The node of a component.
    fn node(&mut self, components: &mut Components, place: Place) -> Result<u32, Error> {
        let component = &mut components[place.0][place.1 as usize];
        if component.number & IS_NODE != 0 {
            return Ok(component.number & !IS_NODE);
        }
        let node = self.nodes.len() as u32;
        if self.nodes.len() >= IS_NODE as usize {
            return Err(Error::OutOfMemory("more than 2^31 parts of regions cannot be numbered".to_owned()));
        }
        try_push(&mut self.nodes, Node { place, parent: node, pixels: component.number.into() })?;
        component.number = IS_NODE | node;
        Ok(node)
    }

    /// The node that stands for all that this one is connected with.
    fn root(&mut self, mut node: u32) -> u32 {
        loop {
            let parent = self.nodes[node as usize].parent;
            if parent == node {
                return node;
            }
            let next = self.nodes[parent as usize].parent;
            self.nodes[node as usize].parent = next;
            node = next;
        }
    }

    /// Connects two nodes; the one whose component comes first stands for both.
    fn union(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        let b_is_first = self.nodes[b as usize].place < self.nodes[a as usize].place;
        let (earlier, later) = if b_is_first { (b, a) } else { (a, b) };
        self.nodes[later as usize].parent = earlier;
    }

    /// Gives the first component of each region the pixels of all, and the others none.
    pub(super) fn finish(&mut self, components: &mut Components) -> Result<(), Error> {
        for node in 0..self.nodes.len() as u32 {
            let root = self.root(node);
            if root != node {
                self.nodes[root as usize].pixels += self.nodes[node as usize].pixels;
            }
            self.nodes[node as usize].parent = root;
        }
        for (node, &Node { place, parent, pixels, .. }) in (0..).zip(&self.nodes) {
            let number = &mut components[place.0][place.1 as usize].number;
            *number = if parent == node { u32::try_from(pixels).unwrap_or(MANY) } else { 0 };
            if *number == MANY {
                try_push(&mut self.large, (place, pixels))?;
            }
        }
        Ok(())
    }

    /// How many pixels a component has that comes first in its region.
    #[inline]
    pub(super) fn pixels(&self, place: Place, component: &Component) -> u64 {
        match component.number {
            MANY => self.large.iter().find(|large| large.0 == place).map_or(u64::from(MANY), |large| large.1),
            pixels => pixels.into(),
        }
    }

    /// Gives the components of each region the label of the first one.
    pub(super) fn spread(&self, components: &mut Components, numbers: &Numbers) {
        for (node, &Node { place, parent, .. }) in (0..).zip(&self.nodes) {
            if node != parent {
                let first = self.nodes[parent as usize].place;
                let label = numbers.of_strip(first.0).label(components[first.0][first.1 as usize]);
                numbers.set(&mut components[place.0][place.1 as usize], label);
            }
        }
    }
}

fn mask_label(components: &Components, (strip, number): Place) -> u32 {
    components[strip][number as usize].mask_label
}
