//! Counting the parts of an image, and selecting from the counts of all of them.

use crate::context::Context;
use crate::error::Error;
use crate::types::color_counts::{ColorCounts, Kind};
use crate::types::image::ColorMap;
use crate::types::palette::Palette;
use crate::types::params::Params;

impl ColorCounts {
    /// Counts the pixels of a part. Of the params `matching`, `alpha` and `batch` matter.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when format, number of channels, `matching` or `alpha` differ from the first part's,
    /// or the params do not suit the image; too little memory, which includes more colours than
    /// [`Options::memory_limit`](crate::Options::memory_limit) of the context has room for; a device that fails. The
    /// counts are what they were then.
    pub fn add(&mut self, context: &mut Context, part: &ColorMap, params: &Params) -> Result<(), Error> {
        self.check_part(&Kind::new(part, params.matching, params.alpha), ["", ""])?;
        let part = context.call(None, |context| context.count_part(part, params))?;
        self.add_part(&part, context.most_listed())
    }

    /// The palette of the whole image: the colours that get a mask, with the pixels of all parts, those included that
    /// join another's mask, but not those that would be unmixed.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when `connected` is set, `matching` or `alpha` are not those of the parts, or the params contradict each
    /// other; [`Error::UnlistedColors`], whose first pixel is (0, 0), when the params ask for it; too little memory.
    pub fn select(&self, context: &mut Context, params: &Params) -> Result<Palette, Error> {
        Ok(context.call(None, |context| context.select_counts(self, params, None, 0))?.palette)
    }
}
