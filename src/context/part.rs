//! What a call on a part of an image has asked for, where regions go on in other parts: checked.

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::try_copy;
use crate::types::color_counts::Kind;
use crate::types::image::ColorMap;
use crate::types::params::{Batch, Params, SelectionRule, Unlisted};
use crate::types::regions::{ImageRegions, PartOf, PartSettings, Place};

/// A part that was added to regions.
pub(super) struct RequestedPart<'a> {
    pub(super) regions: &'a ImageRegions,
    pub(super) place: Place,
}

impl<'a> RequestedPart<'a> {
    pub(super) fn new(
        map: &ColorMap,
        params: &Params,
        part: PartOf<'a>,
        colors: Colors,
    ) -> Result<Self, Error> {
        let PartOf { regions, place } = part;
        let kind = Kind::new(map, params.matching, params.alpha);
        regions.check_use(&part_settings(kind, params, colors, params.counts.is_some())?)?;
        regions.check_whole()?;
        let place = place_of(map, place);
        regions.part_at(&place)?;
        Ok(Self { regions, place })
    }
}

/// The colours of a palette that is given, and ignored ones in their order.
pub(super) type Colors<'a> = (Option<&'a [Color]>, &'a [Color]);

/// Where a part is.
pub(super) fn place_of(map: &ColorMap, (left, top): (u32, u32)) -> Place {
    Place { left, top, width: map.shape().width(), height: map.shape().height() }
}

/// Whether regions can be found part by part with these params, if that is asked for.
pub(super) fn check_part_params(map: &ColorMap, params: &Params) -> Result<(), Error> {
    if params.part.is_none() {
        return Ok(());
    }
    if map.images() > 1 {
        let images = map.images();
        return Err(Error::Unsupported(format!(
            "the part has {images} images; regions of parts are those of one image, and 1 is expected"
        )));
    }
    check_params(params)
}

/// The same but for the pixels.
pub(super) fn check_params(params: &Params) -> Result<(), Error> {
    let unsupported = |text: String| Err(Error::Unsupported(text));
    if let Some(absorbing) = params.absorbing() {
        return unsupported(format!(
            "{absorbing}; regions of parts cannot be absorbed, nor holes filled, since what is around them may be in other \
             parts: 0 is expected"
        ));
    }
    if params.unmix_radius > 0 {
        return unsupported(format!(
            "unmix_radius is {}; pixels are not unmixed before regions of parts are found, since what is around them may be \
             in other parts: 0 is expected",
            params.unmix_radius
        ));
    }
    if params.batch != Batch::All {
        return unsupported(format!(
            "batch is '{}'; regions of parts are those of one image: 'all' is expected",
            params.batch
        ));
    }
    if params.connected.is_none() {
        return Err(Error::InvalidArgument(
            "connected is off for regions of parts; 4 or 8 is expected".to_owned(),
        ));
    }
    Ok(())
}

/// Whether which colours join others is known from this part.
pub(super) fn check_attraction(params: &Params) -> Result<(), Error> {
    let attracts = params.nearest.is_some() || params.merge.is_some();
    if !attracts || params.given().is_some() || params.counts.is_some() {
        return Ok(());
    }
    let name = if params.merge.is_some() { "merge" } else { "nearest" };
    Err(Error::InvalidArgument(format!(
        "{name} is on, and no counts are given; the counts of all parts, on which it depends what colours join others, or a \
         palette with nearest, are expected"
    )))
}

/// What parts that are added must have in common with one.
pub(super) fn part_settings(
    kind: Kind,
    params: &Params,
    (palette, ignored): Colors,
    has_counts: bool,
) -> Result<PartSettings, Error> {
    let Some(connectivity) = params.connected else {
        return Err(Error::Internal("regions of parts are not connected".to_owned()));
    };
    Ok(PartSettings {
        kind,
        connectivity,
        palette: palette.map(try_copy).transpose()?,
        ignored: try_copy(ignored)?,
        nearest: params.nearest,
        joins_unlisted: params.unlisted == Unlisted::Nearest,
        merge: params.merge,
        least: has_counts.then(|| SelectionRule::from(params.selection).min_pixels.get()),
    })
}
