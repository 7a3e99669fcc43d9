//! What a caller is told of colours that are in no mask.

use crate::color::ImageColor;
use crate::context::Context;
use crate::context::chosen::UnlistedList;
use crate::context::request::ColorRules;
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::runtime::alloc::try_with_capacity;
use crate::stages::select::select;
use crate::types::outputs::{UnlistedColor, UnlistedColors};
use crate::types::params::{SelectionRule, Unlisted};

impl Context {
    /// What a caller is told of unlisted colours, `most` of which are to be listed, or the error that they are. Without
    /// pixels nobody knows where they lie.
    pub(super) fn report(
        &mut self,
        rules: &ColorRules,
        pixels: Option<&Pixels>,
        unlisted: UnlistedList,
        most: Option<u32>,
    ) -> Result<Option<UnlistedColors>, Error> {
        let is_error = rules.unlisted == Unlisted::Error;
        let wanted = if is_error { Some(1) } else { most };
        let Some(most) = wanted else { return Ok(None) };
        let selection = SelectionRule::new(1, most);
        let UnlistedList { pixels: pixel_count, colors, list } = unlisted;
        let list = select(list, &selection);
        let mut most_frequent = try_with_capacity(list.len())?;
        let regions = match pixels {
            Some(pixels) if !list.is_empty() => self.stats_of(pixels, &list)?,
            _ => Vec::new(),
        };
        for (index, entry) in list.iter().enumerate() {
            let color = rules.reported_color(&entry.color)?;
            let first_pixel = regions.get(index).map_or((0, 0), |region| region.first_pixel);
            most_frequent.push(UnlistedColor { color, pixels: entry.pixels, first_pixel });
        }
        match most_frequent.first() {
            Some(&UnlistedColor { color, first_pixel, .. }) if is_error => {
                let color = ImageColor::new(color, rules.encoding.channels());
                Err(Error::UnlistedColors { pixels: pixel_count, colors, color, first_pixel })
            }
            _ => Ok(Some(UnlistedColors { pixels: pixel_count, colors, most_frequent })),
        }
    }
}
