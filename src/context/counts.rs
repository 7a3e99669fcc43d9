//! Counting the parts of an image, and selecting from the counts of all of them.

use crate::context::Context;
use crate::context::auto::{Asks, Job};
use crate::context::choose::{Selected, group};
use crate::context::request::{ColorRules, Request};
use crate::error::Error;
use crate::types::color_counts::{ColorCounts, Kind, PartCounts};
use crate::types::image::ColorMap;
use crate::types::matching::Absorb;
use crate::types::outputs::{Analysis, DeviceOutputs, MergedColors};
use crate::types::palette::Palette;
use crate::types::params::{Batch, Params};

impl Context {
    /// Counts all colours of a part of an image, within a call.
    pub(crate) fn count_part(&mut self, map: &ColorMap, params: &Params) -> Result<PartCounts, Error> {
        if params.batch == Batch::Each {
            return Err(Error::InvalidArgument(
                "batch is 'each' and counts are of all images together; 'all' or 'first' is expected"
                    .to_owned(),
            ));
        }
        let params = &Params {
            counts: None,
            unmix_radius: 0,
            connected: None,
            absorb: Absorb::default(),
            part: None,
            ..*params
        };
        self.check_memory(map, params, &DeviceOutputs::default())?;
        let request = Request::new(map, params)?;
        let job = Job { map, params, asks: Asks::List, on_host: map.memory().is_none() };
        let colors = self.where_best(&job, |context| {
            context.start_call();
            Ok(context.list_all(request.counted.as_ref().unwrap_or(&request.pixels))?.colors)
        })?;
        Ok(PartCounts::new(Kind::new(map, params.matching, params.alpha), colors))
    }

    /// How many colours a list may have.
    pub(crate) fn most_listed(&self) -> usize {
        self.most_listed
    }

    /// Finds the colours of counts that get a mask, with the pixels of the whole image, within a call.
    pub(crate) fn select_counts(
        &mut self,
        counts: &ColorCounts,
        params: &Params,
        unlisted: Option<u32>,
        most_merged: u32,
    ) -> Result<Analysis, Error> {
        let encoding = counts.encoding_for(params.matching, params.alpha)?;
        check_stored(counts, params)?;
        let rules = ColorRules::new(encoding, &Params { counts: Some(counts), part: None, ..*params })?;
        let (palette, unlisted, merged) = if rules.given.is_some() || rules.lists_all(false) {
            let chosen = group(&rules, self.list_of(counts)?, None, most_merged, &self.threads)?;
            let report = match chosen.unlisted.filter(|_| rules.given.is_some()) {
                Some(listed) => self.report(&rules, None, listed, unlisted)?,
                None => None,
            };
            (chosen.palette, report, chosen.merged)
        } else {
            match self.select_from(counts, &rules, usize::MAX)? {
                Selected::Palette(palette) => (palette, None, MergedColors::default()),
                Selected::TooMany(found) => return Err(self.too_many_selected(found.into())),
            }
        };
        let palette = rules.reported(palette)?;
        // Lossless: at most `max_count`, a u32, or as many as were given, checked by `ColorRules::new`.
        let mask_count = palette.colors.len() as u32;
        Ok(Analysis { mask_count, palette, unlisted, merged, ..Analysis::default() })
    }
}

/// Refuses colours as they are stored where nothing says what that means.
fn check_stored(counts: &ColorCounts, params: &Params) -> Result<(), Error> {
    let name = match params {
        Params { palette_stored: Some(_), .. } => "palette_stored",
        Params { ignored_stored: [_, ..], .. } => "ignored_stored",
        _ => return Ok(()),
    };
    if counts.has_parts() {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "{name} is given and the counts have no part, which says how colours are stored; counts of a part are expected"
    )))
}

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
        self.add_part(part, context.most_listed())
    }

    /// The palette of the whole image: the colours that get a mask, with the pixels of all parts, those included that
    /// join another's mask, but not those that would be unmixed.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when `connected` is set, `matching` or `alpha` are not those of the parts, the params
    /// contradict each other, or colours are given as they are stored and no part was added;
    /// [`Error::UnlistedColors`], whose first pixel is (0, 0), when the params ask for it; too little memory.
    pub fn select(&self, context: &mut Context, params: &Params) -> Result<Palette, Error> {
        Ok(context.call(None, |context| context.select_counts(self, params, None, 0))?.palette)
    }
}
