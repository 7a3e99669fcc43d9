//! Which colours, or regions, get a mask, and which colours join them.

use crate::color::Color;
use crate::context::Context;
use crate::context::chosen::{Chosen, LabelSource, UnlistedList};
use crate::context::request::{ColorRules, Request};
use crate::error::Error;
use crate::input::pixels::Pixels;
use crate::labels::LabelMap;
use crate::labels::run_map::RunMapBuilder;
use crate::output::label_output::LabelTarget;
use crate::runtime::alloc::{try_collect, try_with_capacity, uninit};
use crate::runtime::threads::Threads;
use crate::stages::absorb::{self, Absorbed};
use crate::stages::connect::{Area, Connected, SelectedRegions, Wanted};
use crate::stages::group::Grouping;
use crate::stages::measure::StatsBuilder;
use crate::stages::merge::{Merging, with_all};
use crate::stages::nearest::{self, assign};
use crate::stages::select::{Best, select};
use crate::stages::unmix::Unmixing;
use crate::types::color_counts::ColorCounts;
use crate::types::matching::{Connectivity, Nearest};
use crate::types::outputs::{LabelWidth, MergedColors};
use crate::types::palette::{ColorCount, Counts, Palette};
use crate::types::params::{SelectionRule, Unlisted};
use crate::types::stats::MaskStats;

/// What gets a mask.
pub(super) enum Selected {
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
        request: &Request,
        useful: usize,
        reports_unlisted: bool,
        most_merged: u32,
        lists_regions: bool,
    ) -> Result<Chosen, Error> {
        if let Some(part) = &request.part {
            return self.choose_part(request, part, useful, reports_unlisted, most_merged);
        }
        let mut chosen = self.choose_colors(request, useful, reports_unlisted, most_merged)?;
        if let Some(connectivity) = request.connected {
            self.unmix(request, &mut chosen, false)?;
            self.absorb(request, &mut chosen)?;
            self.connect(request, connectivity, &mut chosen, useful, lists_regions)?;
        }
        Ok(chosen)
    }

    /// Finds the colours that get a mask, or regions that do, and which others join them.
    pub(super) fn choose_colors(
        &mut self,
        request: &Request,
        useful: usize,
        reports_unlisted: bool,
        most_merged: u32,
    ) -> Result<Chosen, Error> {
        self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
        if request.rules.lists_all(reports_unlisted) {
            self.select_among_all(request, most_merged)
        } else {
            // How many colours have regions that are large enough is not known yet.
            let useful = if request.connected.is_some() { usize::MAX } else { useful };
            let (mask_count, palette) = match self.select(request, useful)? {
                // Lossless: at most `max_count`, a u32, or as many as were given, checked by `ColorRules::new`.
                Selected::Palette(palette) => (palette.colors.len() as u32, palette),
                Selected::TooMany(mask_count) => (mask_count, Palette::default()),
            };
            Ok(Chosen { mask_count, palette, ..Chosen::default() })
        }
    }

    /// Shares out pixels whose colours are in no mask, if that is asked for, and counts the pixels of each mask.
    pub(super) fn unmix(
        &mut self,
        request: &Request,
        chosen: &mut Chosen,
        shares: bool,
    ) -> Result<(), Error> {
        let Request { pixels, frame, unmix_radius: radius, rules, .. } = request;
        let ignored = &rules.ignored;
        let Chosen { palette, source, .. } = chosen;
        let palette = &mut palette.colors;
        if *radius == 0 || palette.is_empty() {
            return Ok(());
        }
        let threads = &self.threads;
        let width = LabelWidth::for_labels_up_to(palette.len());
        let mut labels = LabelMap::default();
        let room = labels.start(pixels.grid().len(), width)?;
        let mut room = match width {
            LabelWidth::One => LabelTarget::U8(uninit(room)),
            LabelWidth::Two => LabelTarget::U16(uninit(bytemuck::cast_slice_mut(room))),
            LabelWidth::Four => LabelTarget::U32(uninit(bytemuck::cast_slice_mut(room))),
        };
        let labeler = &mut self.backends[self.labeler];
        source.label(labeler, pixels, palette, palette.len(), threads, &mut |first_pixel, labels| {
            room.write(labels, first_pixel, threads)
        })?;
        *source = LabelSource::Colors; // no longer needed
        let unmixing = Unmixing { pixels, frame: *frame, palette, ignored, radius: *radius, shares };
        let unmixed = unmixing.unmix(labels, width, threads)?;
        let mut regions = StatsBuilder::new(frame.as_one(), palette.len())?;
        regions.add(unmixed.labels(), 0, threads)?;
        for (entry, region) in palette.iter_mut().zip(regions.finish()?) {
            entry.pixels = region.pixels;
        }
        *source = LabelSource::Unmixed(unmixed);
        Ok(())
    }

    /// Gives small regions to the masks around them and fills holes, if that is asked for, and counts the pixels of each mask.
    pub(super) fn absorb(&mut self, request: &Request, chosen: &mut Chosen) -> Result<(), Error> {
        let Request { pixels, frame, absorbing, .. } = request;
        let Chosen { palette, source, absorbed, .. } = chosen;
        let palette = &mut palette.colors;
        let Some(absorbing) = absorbing.filter(|_| !palette.is_empty()) else { return Ok(()) };
        let threads = &self.threads;
        let mut runs = RunMapBuilder::new(*frame);
        let labeler = &mut self.backends[self.labeler];
        source.label(labeler, pixels, palette, palette.len(), threads, &mut |first_pixel, labels| {
            runs.add(labels, first_pixel, threads)
        })?;
        *source = LabelSource::Colors; // no longer needed
        let mut map = runs.finish()?;
        *absorbed = absorbing.apply(&mut map)?;
        absorb::count_pixels(&map, palette);
        *source = LabelSource::Absorbed(Absorbed::new(&map, palette.len(), threads)?);
        Ok(())
    }

    /// Gives each region a mask of its own. The caller has no use for more than `useful`.
    fn connect(
        &mut self,
        request: &Request,
        connectivity: Connectivity,
        chosen: &mut Chosen,
        useful: usize,
        lists: bool,
    ) -> Result<(), Error> {
        let Chosen { mask_count, palette, source, .. } = chosen;
        let colors = &mut palette.colors;
        if colors.is_empty() {
            return Ok(()); // there is no mask, either
        }
        let threads = &self.threads;
        let labeler = &mut self.backends[self.labeler];
        let first_image = request.rules.given.is_none() && request.counted.is_some();
        let area = Area { frame: request.frame, connectivity, first_image };
        let mut connected = Connected::new(area, std::mem::take(&mut self.regions));
        source.label(
            labeler,
            &request.pixels,
            colors,
            colors.len(),
            threads,
            &mut |first_pixel, labels| connected.add(labels, first_pixel, threads),
        )?;
        let by_color = request.rules.given.is_none();
        let wanted = Wanted { selection: request.regions, colors, by_color, lists };
        // Lossless: at most `max_count`, a u32.
        (*mask_count, *colors, *source) = match connected.select(&wanted, useful, threads)? {
            SelectedRegions::Masks(count, regions, masks) => {
                (count as u32, regions, LabelSource::Connected(*masks))
            }
            SelectedRegions::TooMany(mask_count) => (mask_count, Vec::new(), LabelSource::Colors),
        };
        Ok(())
    }

    /// Finds the colours that get a mask. The caller has no use for more than `useful` of them.
    fn select(&mut self, request: &Request, useful: usize) -> Result<Selected, Error> {
        if let Some(colors) = &request.rules.given {
            let colors = without_pixels(colors)?;
            return Ok(Selected::Palette(Palette { colors, distinct_colors: None }));
        }
        if let Some(counts) = request.rules.counts {
            return self.select_from(counts, &request.rules, useful);
        }
        // Ignored colours are counted like others, and may push as many out of the list.
        let ignored = request.rules.ignored.len() as u32; // checked by `ColorRules::new`
        let selection = request.rules.selection;
        let counted = SelectionRule { max_count: selection.max_count.saturating_add(ignored), ..selection };
        let capacity = useful.saturating_add(ignored as usize).max(LISTED_ANYWAY).min(self.most_listed);
        let pixels = request.counted.as_ref().unwrap_or(&request.pixels);
        let mut counts = self.backends[self.counter].count(pixels, &counted, capacity, &self.threads)?;
        if request.counted.is_some() {
            self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
        }
        let Some(found) = counts.too_many else {
            if ignored > 0 {
                counts.colors.retain(|entry| !request.rules.ignores(&entry.color));
            }
            let colors = select(counts.colors, &selection);
            return Ok(Selected::Palette(Palette { colors, distinct_colors: counts.distinct }));
        };
        // How many of the ignored colours are among those that were only counted? With as many as were asked for,
        // that makes no difference.
        let mut ignored_found = 0;
        if ignored > 0 && found < u64::from(counted.max_count) {
            ignored_found = self.frequent(pixels, &request.rules.ignored, selection.min_pixels.get())?;
        }
        let found = (found - ignored_found).min(selection.max_count.into());
        if found > useful as u64 {
            return Ok(Selected::TooMany(found as u32)); // at most `max_count`
        }
        Err(self.too_many_selected(found))
    }

    /// Finds the colours of other pixels' counts that get a mask.
    pub(super) fn select_from(
        &self,
        counts: &ColorCounts,
        rules: &ColorRules,
        useful: usize,
    ) -> Result<Selected, Error> {
        let selection = rules.selection;
        let enough =
            |entry: &ColorCount| entry.pixels >= selection.min_pixels.get() && !rules.ignores(&entry.color);
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

    pub(super) fn too_many_selected(&self, found: u64) -> Error {
        Error::OutOfMemory(format!(
            "{found} colours get a mask; options.memory_limit has room for lists of {}",
            self.most_listed
        ))
    }

    /// All colours of counts.
    pub(super) fn list_of(&self, counts: &ColorCounts) -> Result<Counts, Error> {
        let colors = counts.list(self.most_listed)?;
        Ok(Counts { distinct: Some(colors.len() as u64), colors, too_many: None })
    }

    /// All colours, rare ones included.
    pub(super) fn list_all(&mut self, pixels: &Pixels) -> Result<Counts, Error> {
        let all = SelectionRule::new(1, u32::MAX);
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
    fn select_among_all(&mut self, request: &Request, most_merged: u32) -> Result<Chosen, Error> {
        let listed = match request.rules.counts {
            Some(counts) => self.list_of(counts)?,
            None => self.list_all(&request.pixels)?,
        };
        let frequent = match &request.counted {
            Some(counted) if request.rules.given.is_none() => {
                // Other images than those that are labelled.
                let frequent = self.list_all(counted)?.colors;
                self.backends.iter_mut().for_each(|backend| backend.forget_pixels());
                Some(frequent)
            }
            _ => None,
        };
        group(&request.rules, listed, frequent, most_merged, &self.threads)
    }

    /// How many of these colours have at least `min_pixels` pixels.
    fn frequent(&mut self, pixels: &Pixels, colors: &[Color], min_pixels: u64) -> Result<u64, Error> {
        let palette = without_pixels(colors)?;
        let regions = self.stats_of(pixels, &palette)?;
        Ok(regions.iter().filter(|region| region.pixels >= min_pixels).count() as u64)
    }

    /// Where the pixels of some colours lie.
    pub(super) fn stats_of(
        &mut self,
        pixels: &Pixels,
        palette: &[ColorCount],
    ) -> Result<Vec<MaskStats>, Error> {
        let frame = pixels.grid().frame().as_one();
        let mut regions = StatsBuilder::new(frame, palette.len())?;
        let threads = &self.threads;
        self.backends[self.labeler].label(pixels, palette, threads, &mut |first_pixel, labels| {
            regions.add(labels, first_pixel, threads)
        })?;
        regions.finish()
    }
}

/// Finds which of the listed colours get a mask, and which others join them. `frequent` are those among which the most
/// frequent are looked for, where they are not the same.
pub(super) fn group(
    rules: &ColorRules,
    mut listed: Counts,
    frequent: Option<Vec<ColorCount>>,
    most_merged: u32,
    threads: &Threads,
) -> Result<Chosen, Error> {
    if rules.merge.is_none() {
        listed.colors.retain(|entry| !rules.ignores(&entry.color));
    }
    let (mut palette, merging) = palette_of(rules, &listed.colors, frequent, threads)?;
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
    let mut unlisted = UnlistedList::default();
    if rules.given.is_some() {
        for (entry, _) in colors.iter().zip(&masks).filter(|&(_, &mask)| mask == nearest::NONE) {
            unlisted.add(*entry)?;
        }
    }
    if rules.given.is_some() && rules.unlisted == Unlisted::Nearest {
        let anywhere = Nearest { tolerance: f64::INFINITY, ..nearest };
        masks = assign(colors, &palette, rules.encoding, anywhere, threads)?;
    }
    count_pixels(&mut palette, colors, &masks);
    let mut grouping = Grouping::new(colors, &masks, palette.len())?;
    if grouping.colors.is_empty() {
        // All masks are empty, and those of colours that no pixel has are, too.
        grouping = Grouping::of_palette(&palette, palette.len())?;
    }
    // Lossless: as in `choose`.
    let mask_count = palette.len() as u32;
    let palette = Palette { colors: palette, distinct_colors: listed.distinct };
    let source = LabelSource::Grouped(grouping);
    let unlisted = Some(unlisted);
    Ok(Chosen { mask_count, palette, source, unlisted, merged, ..Chosen::default() })
}

/// The colours that get a mask, and which of the listed ones become others before, if they do.
fn palette_of(
    rules: &ColorRules,
    listed: &[ColorCount],
    frequent: Option<Vec<ColorCount>>,
    threads: &Threads,
) -> Result<(Vec<ColorCount>, Option<Merging>), Error> {
    if let Some(given) = &rules.given {
        return Ok((without_pixels(given)?, None));
    }
    let mut frequent = match frequent {
        None => copied(listed)?,
        Some(frequent) if rules.merge.is_some() => with_all(frequent, listed)?,
        Some(frequent) => frequent,
    };
    let merge = |merge| Merging::new(&mut frequent, rules.encoding, merge, threads);
    let merging = rules.merge.map(merge).transpose()?;
    frequent.retain(|entry| !rules.ignores(&entry.color));
    Ok((select(frequent, &rules.selection), merging))
}

/// Gives each colour of the palette the pixels of all colours in its mask.
fn count_pixels(palette: &mut [ColorCount], colors: &[ColorCount], masks: &[u32]) {
    palette.iter_mut().for_each(|entry| entry.pixels = 0);
    for (entry, &mask) in colors.iter().zip(masks) {
        if mask != nearest::NONE {
            palette[mask as usize].pixels += entry.pixels;
        }
    }
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
