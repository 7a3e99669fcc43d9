//! Regions of an image in parts: finding those of a part, selecting from those of all, labelling a part with them.

use crate::context::Context;
use crate::context::auto::{Asks, Job};
use crate::context::chosen::{Chosen, LabelSource};
use crate::context::part::{RequestedPart, check_attraction, check_params, part_settings, place_of};
use crate::context::request::{ColorRules, Request};
use crate::error::Error;
use crate::labels::NO_MASK;
use crate::labels::run_map::{RunMap, RunMapBuilder};
use crate::runtime::alloc::try_collect;
use crate::stages::absorb::Absorbed;
use crate::stages::group::in_no_mask;
use crate::stages::join::join;
use crate::stages::part::FoundPart;
use crate::types::color_counts::Kind;
use crate::types::image::ColorMap;
use crate::types::matching::Connectivity;
use crate::types::outputs::{Analysis, DeviceOutputs};
use crate::types::palette::{ColorCount, Palette};
use crate::types::params::{Params, Selection, SelectionRule};
use crate::types::regions::{ImageRegions, Joined, NO_REGION, Part, PartSettings, Place, WholeRegion};

impl Context {
    /// Finds the regions of a part of an image, within a call.
    pub(crate) fn find_part(
        &mut self,
        check: &PartCheck,
        map: &ColorMap,
        params: &Params,
    ) -> Result<Part, Error> {
        self.check_memory(map, params, &DeviceOutputs::default())?;
        let params = &labelling(params);
        let request = Request::new(map, params)?;
        let job = Job { map, params, asks: Asks::Write, on_host: map.memory().is_none() };
        let FoundPart { part, .. } = self.where_best(&job, |context| {
            context.start_call();
            let mut chosen = context.choose_colors(&request, usize::MAX, false, 0)?;
            if let Some(listed) = chosen.unlisted.take().filter(|_| request.rules.given.is_some()) {
                context.report(&request.rules, Some(&request.pixels), listed, None)?; // an error, if that is asked for
            }
            let connectivity = check.settings.connectivity;
            let (found, _) = context.regions_of_part(&request, &mut chosen, connectivity, check.place)?;
            Ok(found)
        })?;
        Ok(part)
    }

    /// The regions of a part whose colours are chosen, and its runs.
    fn regions_of_part(
        &mut self,
        request: &Request,
        chosen: &mut Chosen,
        connectivity: Connectivity,
        place: Place,
    ) -> Result<(FoundPart, RunMap), Error> {
        let threads = &self.threads;
        let mut runs = RunMapBuilder::new(request.frame);
        let colors = &chosen.palette.colors;
        let mut labelled = |first_pixel: usize, labels: &_| runs.add(labels, first_pixel, threads);
        if colors.is_empty() {
            in_no_mask(request.pixels.grid().len(), 1, &mut labelled)?;
        } else {
            let labeler = &mut self.backends[self.labeler];
            chosen.source.label(labeler, &request.pixels, colors, colors.len(), threads, &mut labelled)?;
        }
        let map = runs.finish()?;
        let is_given = request.rules.given.is_some();
        Ok((FoundPart::new(&map, colors, is_given, place, connectivity)?, map))
    }

    /// Gives each region of the whole image that a part has a share in its mask. The caller has no use for more than `useful`.
    pub(super) fn choose_part(
        &mut self,
        request: &Request,
        requested: &RequestedPart,
        useful: usize,
        reports_unlisted: bool,
        most_merged: u32,
    ) -> Result<Chosen, Error> {
        let RequestedPart { regions, place } = requested;
        let joined = regions.joined(join)?;
        let count = joined.count(&request.regions);
        if count > useful {
            return Ok(Chosen { mask_count: count as u32, ..Chosen::default() }); // at most `max_count`
        }
        let mut chosen = self.choose_colors(request, usize::MAX, reports_unlisted, most_merged)?;
        if count > 0 {
            let connectivity = regions.settings().map(|settings| settings.connectivity);
            let connectivity =
                connectivity.ok_or_else(|| Error::Internal("regions have no part".to_owned()))?;
            let (index, added) = regions.part_at(place)?;
            let (found, mut map) = self.regions_of_part(request, &mut chosen, connectivity, *place)?;
            if found.part != *added {
                return Err(Error::Data(format!(
                    "the part from column {}, row {} on has other regions than when it was added; the same pixels are \
                     expected",
                    place.left, place.top
                )));
            }
            let numbers = &joined.numbers[joined.firsts[index]..];
            map.relabel(|run| match found.of_run[run] {
                NO_REGION => NO_MASK,
                region => {
                    let number = numbers[region as usize];
                    if (number as usize) < count { number } else { NO_MASK }
                }
            });
            chosen.source = LabelSource::Absorbed(Absorbed::new(&map, count, &self.threads)?);
        }
        chosen.mask_count = count as u32; // at most `max_count`
        chosen.palette = joined.palette(count)?;
        Ok(chosen)
    }

    /// Finds the regions of the whole image that get a mask, within a call.
    pub(crate) fn select_regions(
        &mut self,
        regions: &ImageRegions,
        params: &Params,
    ) -> Result<Analysis, Error> {
        check_params(params)?;
        regions.check_whole()?;
        let Some(settings) = regions.settings() else {
            return Err(Error::Internal("regions have no part".to_owned()));
        };
        let kind = settings.kind.with(params.matching, params.alpha);
        let rules = ColorRules::new(kind.encoding(), &labelling(&Params { counts: None, ..*params }))?;
        regions.check_settings(
            &part_settings(kind, params, rules.colors(), settings.least.is_some())?,
            [""; 2],
        )?;
        let joined = regions.joined(join)?;
        let count = joined.count(&params.selection.into());
        let palette = rules.reported(joined.palette(count)?)?;
        let mask_stats = try_collect(joined.regions[..count].iter().map(|region| region.stats()))?;
        // At most `max_count`.
        Ok(Analysis { mask_count: count as u32, palette, mask_stats, ..Analysis::default() })
    }
}

/// A part that is to be added, checked.
#[derive(Debug)]
pub(crate) struct PartCheck {
    pub(crate) settings: PartSettings,
    pub(crate) place: Place,
}

impl PartCheck {
    /// Checks what does not depend on other parts.
    pub(crate) fn new(map: &ColorMap, params: &Params, place: (u32, u32)) -> Result<Self, Error> {
        if map.images() > 1 {
            return Err(Error::Unsupported(format!(
                "the part has {} images; regions of parts are those of one image, and 1 is expected",
                map.images()
            )));
        }
        check_params(params)?;
        check_attraction(params)?;
        let kind = Kind::new(map, params.matching, params.alpha);
        let rules = ColorRules::new(kind.encoding(), &labelling(params))?;
        let settings = part_settings(kind, params, rules.colors(), params.counts.is_some())?;
        Ok(Self { settings, place: place_of(map, place) })
    }
}

/// What pixels of parts are labelled with before regions are found: all colours, unless counts tell which have enough pixels.
fn labelling<'a>(params: &Params<'a>) -> Params<'a> {
    let min_pixels = if params.counts.is_some() { params.selection.min_pixels } else { 1 };
    let selection = Selection { min_pixels, max_count: u32::MAX };
    Params { selection, connected: None, part: None, ..*params }
}

impl Joined {
    /// How many regions get a mask.
    fn count(&self, selection: &SelectionRule) -> usize {
        let least = selection.min_pixels.get();
        let large = self.regions.partition_point(|region| region.pixels >= least);
        large.min(usize::try_from(selection.max_count).unwrap_or(usize::MAX))
    }

    /// The colours and pixels of the first regions.
    fn palette(&self, count: usize) -> Result<Palette, Error> {
        let entry = |region: &WholeRegion| ColorCount {
            color: self.colors[region.color as usize],
            pixels: region.pixels,
        };
        let colors = try_collect(self.regions[..count].iter().map(entry))?;
        Ok(Palette { colors, distinct_colors: None })
    }
}

impl ImageRegions {
    /// Finds the regions of one more part, whose first pixel is this column and row (`place`) of the image.
    ///
    /// The params are those of all calls: `connected` must be set; [`Params::part`](Params::part) says what cannot be done
    /// part by part, and where `counts` are needed. With `counts`, colours with fewer than `selection.min_pixels` pixels in
    /// the whole are left out at once, which saves memory where there are many; else `selection` makes no difference yet.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the part is not in the image or overlaps one that was added, when format, number of
    /// channels or params differ from the first part's, or contradict each other; [`Error::Unsupported`];
    /// [`Error::UnlistedColors`], if the params ask for it; too little memory; a device that fails. The regions are what
    /// they were then.
    pub fn add(
        &mut self,
        context: &mut Context,
        part: &ColorMap,
        place: (u32, u32),
        params: &Params,
    ) -> Result<(), Error> {
        let check = PartCheck::new(part, params, place)?;
        self.check_settings(&check.settings, [""; 2])?;
        self.check_place(&check.place)?;
        let part = context.call(None, |context| context.find_part(&check, part, params))?;
        self.add_part(check.settings, part)
    }

    /// The regions of the whole image that get a mask, in its order: their colours and pixels, and where they lie. Of the
    /// analysis `mask_count`, `palette` and `mask_stats` are known.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when parts are missing or the params are not those of the parts; [`Error::Unsupported`];
    /// too little memory.
    pub fn select(&self, context: &mut Context, params: &Params) -> Result<Analysis, Error> {
        context.call(None, |context| context.select_regions(self, params))
    }
}
