//! Which colours, or regions, get a mask, and which colours join them.

use crate::color::Color;
use crate::context::Context;
use crate::context::label::Source;
use crate::context::request::{Input, Rules};
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::LabelMap;
use crate::output::label_output::LabelTarget;
use crate::runtime::alloc::{no_memory, try_collect, try_with_capacity, uninit};
use crate::runtime::threads::Threads;
use crate::stages::connect::{Connected, Extent, Wanted};
use crate::stages::group::Grouping;
use crate::stages::measure::StatsBuilder;
use crate::stages::merge::{Merging, with_all};
use crate::stages::nearest::{self, assign};
use crate::stages::select::{Best, select};
use crate::stages::unmix::Unmixing;
use crate::types::color_counts::{ColorCounts, Kind, Part};
use crate::types::geometry::Frame;
use crate::types::image::ColorMap;
use crate::types::matching::{Connectivity, Nearest};
use crate::types::outputs::{
    Analysis, DeviceOutputs, LabelWidth, MergedColors, UnlistedColor, UnlistedColors,
};
use crate::types::palette::{ColorCount, Counts, Palette};
use crate::types::params::{Batch, Params, Selection, Unlisted};
use crate::types::stats::MaskStats;

/// What gets a mask.
enum Selected {
    Palette(Palette),
    /// More colours than are of use, so that they were not listed; at most `max_count`, a u32.
    TooMany(u32),
}

/// Lists of so many colours, some MiB, are made even where they are of no use: with them, rare colours are
/// ruled out sooner.
const LISTED_ANYWAY: usize = 1 << 16;

impl Context {
    /// Finds the colours that get a mask, and which others join them. The caller has no use for more than `useful`.
    pub(super) fn choose(
        &mut self,
        input: &Input,
        useful: usize,
        reports_unlisted: bool,
        most_merged: u32,
    ) -> Result<Chosen, Error> {
        self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
        let mut chosen = if input.rules.lists_all(reports_unlisted) {
            self.select_among_all(input, most_merged)?
        } else {
            // How many colours have regions that are large enough is not known yet.
            let useful = if input.connected.is_some() { usize::MAX } else { useful };
            let (mask_count, palette) = match self.select(input, useful)? {
                // Lossless: at most `max_count`, a u32, or as many as were given, checked by `Rules::new`.
                Selected::Palette(palette) => (palette.colors.len() as u32, palette),
                Selected::TooMany(mask_count) => (mask_count, Palette::default()),
            };
            Chosen { mask_count, palette, ..Chosen::default() }
        };
        if let Some(connectivity) = input.connected {
            self.unmix(input, &mut chosen, false)?;
            self.connect(input, connectivity, &mut chosen, useful)?;
        }
        Ok(chosen)
    }

    /// Shares out pixels whose colours are in no mask, if that is asked for, and counts the pixels of each mask.
    pub(super) fn unmix(&mut self, input: &Input, chosen: &mut Chosen, shares: bool) -> Result<(), Error> {
        let Input { pixels, frame, unmix_radius: radius, rules, .. } = input;
        let ignored = &rules.ignored;
        let Chosen { palette, source, .. } = chosen;
        let palette = &mut palette.colors;
        if *radius == 0 || palette.is_empty() {
            return Ok(());
        }
        let threads = &self.threads;
        let width = LabelWidth::for_labels_up_to(palette.len());
        let mut labels = LabelMap::default();
        let room = labels.start(pixels.shape().plane(), width)?;
        let mut room = match width {
            LabelWidth::One => LabelTarget::U8(uninit(room)),
            LabelWidth::Two => LabelTarget::U16(uninit(bytemuck::cast_slice_mut(room))),
            LabelWidth::Four => LabelTarget::U32(uninit(bytemuck::cast_slice_mut(room))),
        };
        let labeler = &mut self.backends[self.labeler];
        source.label(labeler, pixels, palette, palette.len(), threads, &mut |first_pixel, labels| {
            room.write(labels, first_pixel, threads)
        })?;
        *source = Source::Colors; // no longer needed
        let unmixing = Unmixing { pixels, frame: *frame, palette, ignored, radius: *radius, shares };
        let unmixed = unmixing.unmix(labels, width, threads)?;
        let mut regions = StatsBuilder::new(frame.as_one(), palette.len())?;
        regions.add(unmixed.labels(), 0, threads)?;
        for (entry, region) in palette.iter_mut().zip(regions.finish()?) {
            entry.pixels = region.pixels;
        }
        *source = Source::Unmixed(unmixed);
        Ok(())
    }

    /// Gives each region a mask of its own. The caller has no use for more than `useful`.
    fn connect(
        &mut self,
        input: &Input,
        connectivity: Connectivity,
        chosen: &mut Chosen,
        useful: usize,
    ) -> Result<(), Error> {
        let Chosen { mask_count, palette, source, .. } = chosen;
        let colors = &mut palette.colors;
        if colors.is_empty() {
            return Ok(());
        }
        let threads = &self.threads;
        let labeler = &mut self.backends[self.labeler];
        let first_image = input.rules.given.is_none() && input.counted.is_some();
        let mut connected = Connected::new(Extent { frame: input.frame, connectivity, first_image });
        source.label(labeler, &input.pixels, colors, colors.len(), threads, &mut |first_pixel, labels| {
            connected.add(labels, first_pixel, threads)
        })?;
        let wanted = Wanted { selection: input.regions, colors, by_color: input.rules.given.is_none() };
        // Lossless: at most `max_count`, a u32.
        (*mask_count, *colors, *source) = match connected.select(&wanted, useful)? {
            Ok((regions, masks)) => (regions.len() as u32, regions, Source::Connected(masks)),
            Err(mask_count) => (mask_count, Vec::new(), Source::Colors),
        };
        Ok(())
    }

    /// Finds the colours that get a mask. The caller has no use for more than `useful` of them.
    fn select(&mut self, input: &Input, useful: usize) -> Result<Selected, Error> {
        if let Some(colors) = &input.rules.given {
            let colors = without_pixels(colors)?;
            return Ok(Selected::Palette(Palette { colors, distinct_colors: None }));
        }
        if let Some(counts) = input.rules.counts {
            return self.select_from(counts, &input.rules, useful);
        }
        // Ignored colours are counted like others, and may push as many out of the list.
        let ignored = input.rules.ignored.len() as u32; // checked by `Rules::new`
        let selection = input.rules.selection;
        let counted = Selection { max_count: selection.max_count.saturating_add(ignored), ..selection };
        let room = useful.saturating_add(ignored as usize).max(LISTED_ANYWAY).min(self.most_listed);
        let pixels = input.counted.as_ref().unwrap_or(&input.pixels);
        let mut counts = self.backends[self.counter].count(pixels, &counted, room, &self.threads)?;
        if input.counted.is_some() {
            self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
        }
        let Some(found) = counts.too_many else {
            if ignored > 0 {
                counts.colors.retain(|entry| !input.rules.ignores(&entry.color));
            }
            let colors = select(counts.colors, &selection);
            return Ok(Selected::Palette(Palette { colors, distinct_colors: counts.distinct }));
        };
        // How many of the ignored colours are among those that were only counted? With as many as were asked for,
        // that makes no difference.
        let mut ignored_found = 0;
        if ignored > 0 && found < u64::from(counted.max_count) {
            ignored_found = self.frequent(pixels, &input.rules.ignored, selection.min_pixels)?;
        }
        let found = (found - ignored_found).min(selection.max_count.into());
        if found > useful as u64 {
            return Ok(Selected::TooMany(found as u32)); // at most `max_count`
        }
        Err(self.too_many_selected(found))
    }

    /// Finds the colours of other pixels' counts that get a mask.
    fn select_from(&self, counts: &ColorCounts, rules: &Rules, useful: usize) -> Result<Selected, Error> {
        let selection = rules.selection;
        let enough =
            |entry: &ColorCount| entry.pixels >= selection.min_pixels.max(1) && !rules.ignores(&entry.color);
        let found = counts.iter().filter(enough).count() as u64;
        let selected = found.min(selection.max_count.into());
        if selected > useful as u64 {
            return Ok(Selected::TooMany(selected as u32)); // at most `max_count`
        }
        if selected > self.most_listed as u64 {
            return Err(self.too_many_selected(selected));
        }
        let mut best = Best::new(&selection, found as usize); // lossless: they are in memory
        counts.iter().filter(enough).try_for_each(|entry| best.add(entry))?;
        let colors = select(best.into_counts().colors, &selection);
        Ok(Selected::Palette(Palette { colors, distinct_colors: Some(counts.len() as u64) }))
    }

    fn too_many_selected(&self, found: u64) -> Error {
        Error::OutOfMemory(format!(
            "{found} colours get a mask; options.memory_limit has room for lists of {}",
            self.most_listed
        ))
    }

    /// Counts all colours of a part of an image, within a call.
    pub(crate) fn count_part(&mut self, map: &ColorMap, params: &Params) -> Result<Part, Error> {
        if params.batch == Batch::Each {
            return Err(Error::InvalidArgument(
                "batch is Each and counts are of all images together; All or First is expected".to_owned(),
            ));
        }
        let params = &Params { counts: None, unmix_radius: 0, connected: None, ..*params };
        self.check_memory(map, params, &DeviceOutputs::default())?;
        let input = Input::new(map, params)?;
        let colors = self.with_fallback(map.memory().is_none(), |context| {
            context.start_call();
            Ok(context.list_all(input.counted.as_ref().unwrap_or(&input.pixels))?.colors)
        })?;
        Ok(Part { kind: Kind::new(map, params.matching, params.alpha), colors })
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
        let rules = Rules::new(encoding, &Params { counts: Some(counts), ..*params })?;
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
        // Lossless: at most `max_count`, a u32, or as many as were given, checked by `Rules::new`.
        let mask_count = palette.colors.len() as u32;
        Ok(Analysis { mask_count, palette, unlisted, merged, ..Analysis::default() })
    }

    /// All colours of counts.
    fn list_of(&self, counts: &ColorCounts) -> Result<Counts, Error> {
        let colors = counts.list(self.most_listed)?;
        Ok(Counts { distinct: Some(colors.len() as u64), colors, too_many: None })
    }

    /// All colours, rare ones included.
    fn list_all(&mut self, pixels: &Pixels) -> Result<Counts, Error> {
        let all = Selection { min_pixels: 1, max_count: u32::MAX };
        let counter = &mut self.backends[self.counter];
        let listed = counter.count(pixels, &all, self.most_listed, &self.threads)?;
        match listed.too_many {
            None => Ok(listed),
            Some(found) => Err(Error::OutOfMemory(format!(
                "the images have {found} colours; options.memory_limit has room for lists of {}",
                self.most_listed
            ))),
        }
    }

    /// Finds the colours that get a mask, and which others join them.
    fn select_among_all(&mut self, input: &Input, most_merged: u32) -> Result<Chosen, Error> {
        let listed = match input.rules.counts {
            Some(counts) => self.list_of(counts)?,
            None => self.list_all(&input.pixels)?,
        };
        let frequent = match &input.counted {
            Some(counted) if input.rules.given.is_none() => {
                // Other images than those that are labelled.
                let frequent = self.list_all(counted)?.colors;
                self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
                Some(frequent)
            }
            _ => None,
        };
        group(&input.rules, listed, frequent, most_merged, &self.threads)
    }

    /// What a caller is told of unlisted colours, `most` of which are to be listed, or the error that they are. Without
    /// pixels nobody knows where they lie.
    pub(super) fn report(
        &mut self,
        rules: &Rules,
        pixels: Option<&Pixels>,
        unlisted: Unlisteds,
        most: Option<u32>,
    ) -> Result<Option<UnlistedColors>, Error> {
        let is_error = rules.unlisted == Unlisted::Error;
        let wanted = if is_error { Some(1) } else { most };
        let Some(most) = wanted else { return Ok(None) };
        let selection = Selection { min_pixels: 1, max_count: most };
        let Unlisteds { pixels: pixel_count, colors, list } = unlisted;
        let list = select(list, &selection);
        let mut most_frequent = try_with_capacity(list.len())?;
        let regions = match pixels {
            Some(pixels) if !list.is_empty() => self.regions_of(pixels, &list)?,
            _ => Vec::new(),
        };
        for (index, entry) in list.iter().enumerate() {
            let color = rules.reported_color(&entry.color)?;
            let first_pixel = regions.get(index).map_or((0, 0), |region| region.first_pixel);
            most_frequent.push(UnlistedColor { color, pixels: entry.pixels, first_pixel });
        }
        match most_frequent.first() {
            Some(&UnlistedColor { color, first_pixel, .. }) if is_error => {
                Err(Error::UnlistedColors { pixels: pixel_count, colors, color, first_pixel })
            }
            _ => Ok(Some(UnlistedColors { pixels: pixel_count, colors, most_frequent })),
        }
    }

    /// How many of these colours have at least `min_pixels` pixels.
    fn frequent(&mut self, pixels: &Pixels, colors: &[Color], min_pixels: u64) -> Result<u64, Error> {
        let palette = without_pixels(colors)?;
        let regions = self.regions_of(pixels, &palette)?;
        Ok(regions.iter().filter(|region| region.pixels >= min_pixels.max(1)).count() as u64)
    }

    /// Where the pixels of some colours lie.
    fn regions_of(&mut self, pixels: &Pixels, palette: &[ColorCount]) -> Result<Vec<MaskStats>, Error> {
        let shape = pixels.shape();
        let frame = Frame { width: shape.width() as usize, height: shape.height() as usize, images: 1 };
        let mut regions = StatsBuilder::new(frame, palette.len())?;
        let mut outcome = Ok(());
        let threads = &self.threads;
        self.backends[self.labeler].label(pixels, palette, threads, &mut |first_pixel, labels| {
            if outcome.is_ok() {
                outcome = regions.add(labels, first_pixel, threads);
            }
        })?;
        outcome?;
        regions.finish()
    }
}

/// Finds which of the listed colours get a mask, and which others join them. `frequent` are those among which the most
/// frequent are looked for, where they are not the same.
fn group(
    rules: &Rules,
    mut listed: Counts,
    frequent: Option<Vec<ColorCount>>,
    most_merged: u32,
    threads: &Threads,
) -> Result<Chosen, Error> {
    if rules.merge.is_none() {
        listed.colors.retain(|entry| !rules.ignores(&entry.color));
    }
    let mut merging = None;
    let mut palette = match &rules.given {
        Some(given) => without_pixels(given)?,
        None => {
            let mut frequent = match frequent {
                None => copied(&listed.colors)?,
                Some(frequent) if rules.merge.is_some() => with_all(frequent, &listed.colors)?,
                Some(frequent) => frequent,
            };
            if let Some(merge) = rules.merge {
                merging = Some(Merging::new(&mut frequent, rules.encoding, merge)?);
            }
            frequent.retain(|entry| !rules.ignores(&entry.color));
            select(frequent, &rules.selection)
        }
    };
    let colors = &listed.colors;
    let nearest = rules.nearest.unwrap_or_default();
    let mut masks = assign(colors, &palette, rules.encoding, nearest, threads)?;
    let mut merged = MergedColors::default();
    if let Some(merging) = &merging {
        for (entry, mask) in colors.iter().zip(&mut masks) {
            if rules.ignores(&entry.color) {
                *mask = nearest::NONE;
            }
        }
        merging.apply(&mut masks);
        merged = merging.report(colors, most_merged, |color| rules.reported_color(color))?;
    }
    let mut unlisted = Unlisteds::default();
    if rules.given.is_some() {
        for (entry, _) in colors.iter().zip(&masks).filter(|&(_, &mask)| mask == nearest::NONE) {
            unlisted.add(*entry)?;
        }
    }
    if rules.given.is_some() && rules.unlisted == Unlisted::Nearest {
        let anywhere = Nearest { tolerance: f64::INFINITY, ..nearest };
        masks = assign(colors, &palette, rules.encoding, anywhere, threads)?;
    }
    palette.iter_mut().for_each(|entry| entry.pixels = 0);
    for (entry, &mask) in colors.iter().zip(&masks) {
        if mask != nearest::NONE {
            palette[mask as usize].pixels += entry.pixels;
        }
    }
    let mut grouping = Grouping::new(colors, &masks, palette.len())?;
    if grouping.colors.is_empty() {
        // All masks are empty, and those of colours that no pixel has are, too.
        grouping = Grouping::of_palette(&palette, palette.len())?;
    }
    // Lossless: as in `choose`.
    let mask_count = palette.len() as u32;
    let palette = Palette { colors: palette, distinct_colors: listed.distinct };
    let source = Source::Grouped(grouping);
    Ok(Chosen { mask_count, palette, source, unlisted: Some(unlisted), merged })
}

/// Colours that have no pixels yet.
fn without_pixels(colors: &[Color]) -> Result<Vec<ColorCount>, Error> {
    try_collect(colors.iter().map(|&color| ColorCount { color, pixels: 0 }))
}

/// A copy of a list, if there is memory for it.
fn copied(colors: &[ColorCount]) -> Result<Vec<ColorCount>, Error> {
    let mut copy = try_with_capacity(colors.len())?;
    copy.extend_from_slice(colors);
    Ok(copy)
}

/// What gets a mask of the images that share a palette.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) mask_count: u32,
    /// Empty where there are more colours than are of use.
    pub(super) palette: Palette,
    pub(super) source: Source,
    /// Where all colours were listed.
    pub(super) unlisted: Option<Unlisteds>,
    pub(super) merged: MergedColors,
}

/// Colours that are in no mask.
#[derive(Debug, Default)]
pub(super) struct Unlisteds {
    pixels: u64,
    colors: u64,
    list: Vec<ColorCount>,
}

impl Unlisteds {
    fn add(&mut self, entry: ColorCount) -> Result<(), Error> {
        self.list.try_reserve(1).map_err(|_| no_memory::<ColorCount>(self.list.len() + 1))?;
        self.list.push(entry);
        self.pixels += entry.pixels;
        self.colors += 1;
        Ok(())
    }
}
