//! What outlines have to be, told by the labels alone.

use std::collections::HashMap;

use ctm::{Connectivity, MaskOutlines};

/// Labels of images, one below the other: 0, or the mask's number plus one.
pub struct Labels<'a> {
    pub labels: &'a [u32],
    pub width: usize,
    pub height: usize,
    pub images: usize,
    pub mask_count: usize,
}

impl Labels<'_> {
    /// Checks everything that is said of outlines.
    pub fn check(&self, connectivity: Connectivity, outlines: &MaskOutlines) {
        let MaskOutlines { points, ring_offsets, ring_exteriors, mask_offsets } = outlines;
        assert_eq!(mask_offsets.len(), self.mask_count * self.images + 1);
        assert_eq!((mask_offsets[0], ring_offsets[0]), (0, 0));
        assert_eq!(*mask_offsets.last().unwrap(), ring_exteriors.len() as u64);
        assert_eq!(ring_offsets.len(), ring_exteriors.len() + 1);
        assert_eq!(*ring_offsets.last().unwrap(), points.len() as u64);
        for (slot, ends) in mask_offsets.windows(2).enumerate() {
            let rings = ends[0] as usize..ends[1] as usize;
            let found: Vec<&[[u32; 2]]> = rings
                .clone()
                .map(|ring| &points[ring_offsets[ring] as usize..ring_offsets[ring + 1] as usize])
                .collect();
            let exteriors: Vec<usize> =
                ring_exteriors[rings.clone()].iter().map(|&ring| ring as usize - rings.start).collect();
            self.check_mask(slot / self.images, slot % self.images, connectivity, &found, &exteriors);
        }
    }

    fn is(&self, mask: usize, image: usize, x: i64, y: i64) -> bool {
        let inside = (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y);
        inside
            && self.labels[(image * self.height + y as usize) * self.width + x as usize] as usize == mask + 1
    }

    fn check_mask(
        &self,
        mask: usize,
        image: usize,
        connectivity: Connectivity,
        rings: &[&[[u32; 2]]],
        exteriors: &[usize],
    ) {
        let mut windings = vec![0i32; (self.width + 1) * self.height];
        let mut sides = 0;
        let mut last_first = [0, 0];
        for (number, (&ring, &exterior)) in rings.iter().zip(exteriors).enumerate() {
            let is_hole = exterior != number;
            let next = |index: usize| ring[(index + 1) % ring.len()];
            let area: i64 = (0..ring.len())
                .map(|index| {
                    let ([x, y], [to_x, to_y]) = (ring[index], next(index));
                    i64::from(x) * i64::from(to_y) - i64::from(to_x) * i64::from(y)
                })
                .sum();
            assert_eq!(area < 0, is_hole, "mask {mask}: the direction of ring {number}");
            assert!(area != 0 && ring.len() >= 4);
            // The first corner in reading order, and exteriors by them; each before its holes.
            let first = ring.iter().map(|&[x, y]| [y, x]).min().unwrap();
            assert_eq!(first, [ring[0][1], ring[0][0]]);
            assert!(if is_hole { exteriors[number - 1] == exterior } else { first >= last_first });
            last_first = if is_hole { last_first } else { first };
            for index in 0..ring.len() {
                let ([x, y], [to_x, to_y]) = (ring[index], next(index));
                assert!(
                    (x == to_x) != (y == to_y),
                    "an edge that is neither vertical nor horizontal, or nothing"
                );
                let [after_x, _] = next((index + 1) % ring.len());
                assert!((x == to_x) != (to_x == after_x), "a corner in the middle of an edge");
                if x == to_x {
                    for row in y.min(to_y)..y.max(to_y) {
                        windings[row as usize * (self.width + 1) + x as usize] +=
                            if to_y < y { 1 } else { -1 };
                        sides += 1;
                    }
                }
            }
        }
        self.check_filled(mask, image, &windings, sides);
        self.check_regions(mask, image, connectivity, rings, exteriors);
    }

    /// By both rules: the windings are 1 inside and 0 outside, and no edge is there twice.
    fn check_filled(&self, mask: usize, image: usize, windings: &[i32], sides: usize) {
        let mut expected_sides = 0;
        for (y, row) in windings.chunks(self.width + 1).enumerate() {
            let mut winding = 0;
            for (x, change) in row.iter().enumerate() {
                winding += change;
                let is = |x: i64| self.is(mask, image, x, y as i64);
                assert_eq!(winding, i32::from(is(x as i64)), "mask {mask}: pixel ({x}, {y})");
                expected_sides += usize::from(is(x as i64) != is(x as i64 - 1));
            }
        }
        assert_eq!(sides, expected_sides, "mask {mask}");
    }

    /// Each region has one exterior ring, and its holes are within it.
    fn check_regions(
        &self,
        mask: usize,
        image: usize,
        connectivity: Connectivity,
        rings: &[&[[u32; 2]]],
        exteriors: &[usize],
    ) {
        let mut regions = HashMap::new();
        let mut found = 0;
        for (x, y) in (0..self.height as i64).flat_map(|y| (0..self.width as i64).map(move |x| (x, y))) {
            if !self.is(mask, image, x, y) || regions.contains_key(&(x, y)) {
                continue;
            }
            let mut waiting = vec![(x, y)];
            regions.insert((x, y), found);
            while let Some((x, y)) = waiting.pop() {
                for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
                    let other = (x + dx, y + dy);
                    let touches = connectivity == Connectivity::Eight || dx == 0 || dy == 0;
                    if touches && self.is(mask, image, other.0, other.1) && !regions.contains_key(&other) {
                        regions.insert(other, found);
                        waiting.push(other);
                    }
                }
            }
            found += 1;
        }
        // The pixel at a ring's first corner that is in the mask: below an exterior ring, above a hole.
        let region = |ring: usize| {
            let [x, y] = rings[ring][0].map(i64::from);
            regions[&if exteriors[ring] == ring { (x, y) } else { (x, y - 1) }]
        };
        let mut seen = vec![0; found];
        for (ring, &exterior) in exteriors.iter().enumerate() {
            assert_eq!(
                region(ring),
                region(exterior),
                "mask {mask}: ring {ring} is in another region than {exterior}"
            );
            assert_eq!(exteriors[exterior], exterior);
            seen[region(ring)] += usize::from(ring == exterior);
        }
        assert!(seen.iter().all(|&count| count == 1), "mask {mask}: {seen:?} exterior rings");
    }
}
