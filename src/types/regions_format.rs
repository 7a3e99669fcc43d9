//! The regions of parts as bytes, for other processes and machines: docs/regions-format.md.

use std::mem::MaybeUninit;

use bytemuck::allocation::try_zeroed_vec;

use crate::color::Color;
use crate::error::Error;
use crate::runtime::alloc::{no_memory, try_push, try_with_capacity, uninit};
use crate::runtime::checksum::checksum;
use crate::types::encoding::Encoding;
use crate::types::matching::{Connectivity, Merge, Metric, Nearest};
use crate::types::regions::{
    BOTTOM, BorderRun, ImageRegions, LEFT, NO_REGION, Part, PartSettings, Place, RIGHT, Region, TOP,
    first_overlap,
};
use crate::types::wire::{CHECKSUM, Reader, Writer, kind, kind_fields};

const MAGIC: &[u8; 8] = b"ctmREGNS";
const VERSION: u32 = 1;
const HEADER: usize = 120;
const PART: usize = 40;
const REGION: usize = 48;
const BORDER_RUN: usize = 8;

/// What a setting is where there is none.
const NONE: u32 = 0;

impl ImageRegions {
    /// How long `to_bytes` is.
    pub(crate) fn bytes_len(&self) -> usize {
        let Some(settings) = &self.settings else { return HEADER + CHECKSUM };
        let color = 4 * settings.kind.encoding().channels();
        let colors = settings.palette.as_ref().map_or(0, Vec::len) + settings.ignored.len();
        let part = |part: &Part| {
            let runs: usize = part.borders.iter().map(Vec::len).sum();
            PART + color * part.colors.len() + REGION * part.regions.len() + BORDER_RUN * runs
        };
        HEADER + color * colors + self.parts.iter().map(part).sum::<usize>() + CHECKSUM
    }

    /// The regions of all parts as bytes, for another process or machine: those of equal parts are equal bytes, whatever
    /// order the parts came in.
    ///
    /// # Errors
    /// Too little memory.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let len = self.bytes_len();
        let mut bytes = try_zeroed_vec(len).map_err(|()| no_memory::<u8>(len))?;
        self.write_bytes(uninit(&mut bytes))?;
        Ok(bytes)
    }

    /// Writes the regions as bytes to memory of `bytes_len`; nothing on an error.
    pub(crate) fn write_bytes(&self, room: &mut [MaybeUninit<u8>]) -> Result<(), Error> {
        let len = self.bytes_len();
        if room.len() != len {
            let text = format!("there is room for {} of {len} bytes of regions", room.len());
            return Err(Error::Internal(text));
        }
        let mut writer = Writer::new(room);
        self.write_header(&mut writer, len);
        if let Some(settings) = &self.settings {
            let encoding = settings.kind.encoding();
            settings.palette.iter().for_each(|palette| write_colors(&mut writer, palette, encoding));
            write_colors(&mut writer, &settings.ignored, encoding);
            self.parts.iter().for_each(|part| write_part(&mut writer, part, encoding));
        }
        writer.checksum();
        Ok(())
    }

    fn write_header(&self, writer: &mut Writer, len: usize) {
        let settings = self.settings.as_ref();
        writer.magic(*MAGIC);
        writer.number(VERSION);
        kind_fields(settings.map(|settings| &settings.kind)).iter().for_each(|&field| writer.number(field));
        writer.number(self.width);
        writer.number(self.height);
        let connectivity = settings.map(|settings| settings.connectivity);
        let nearest = settings.and_then(|settings| settings.nearest);
        let merge = settings.and_then(|settings| settings.merge);
        let palette = settings.and_then(|settings| settings.palette.as_ref());
        let least = settings.and_then(|settings| settings.least);
        let flag = |is_set: Option<bool>| u32::from(is_set == Some(true));
        writer.number(match connectivity {
            None => NONE,
            Some(Connectivity::Four) => 4,
            Some(Connectivity::Eight) => 8,
        });
        writer.number(metric_number(nearest.map(|nearest| nearest.metric)));
        writer.number(metric_number(merge.map(|merge| merge.metric)));
        writer.number(flag(settings.map(|settings| settings.joins_unlisted)));
        writer.number(flag(Some(palette.is_some())));
        writer.number(flag(Some(least.is_some())));
        writer.long(nearest.map_or(0, |nearest| nearest.tolerance.to_bits()));
        writer.long(merge.map_or(0, |merge| merge.tolerance.to_bits()));
        writer.long(merge.map_or(0, |merge| merge.most_pixels));
        writer.long(least.unwrap_or(0));
        let ignored = settings.map_or(0, |settings| settings.ignored.len());
        writer.number(palette.map_or(0, Vec::len) as u32); // a u32 counts them
        writer.number(ignored as u32);
        writer.long(self.parts.len() as u64);
        writer.long(len as u64);
    }

    /// The regions that these bytes are.
    ///
    /// # Errors
    /// [`Error::Data`] when the bytes are damaged, or not what [`ImageRegions::to_bytes`] gives; too little memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = checked_body(bytes)?;
        let fields = Header::read(&mut reader, bytes.len())?;
        let Header { width, height, palette, ignored, parts: count, .. } = fields;
        let mut regions =
            Self::new(width, height).map_err(|error| Error::Data(format!("regions' {error}")))?;
        let Some(settings) = fields.settings()? else {
            if [palette, ignored].map(u64::from) != [0; 2] || count > 0 || reader.len() > 0 {
                return damaged("regions have parts and no format");
            }
            return Ok(regions);
        };
        let encoding = settings.kind.encoding();
        let given = read_colors(&mut reader, palette, encoding)?;
        let ignored = read_colors(&mut reader, ignored, encoding)?;
        let palette = settings.palette.is_some().then_some(given);
        if !is_ascending(&ignored) {
            return damaged("regions have ignored colours that are not in their order");
        }
        let mut all = Vec::new();
        for index in 0..count {
            let part = read_part(&mut reader, palette.as_deref(), encoding)?;
            check_part(&part, &regions, palette.as_deref())
                .map_err(|wrong| Error::Data(format!("part {index} of the regions {wrong}")))?;
            try_push(&mut all, part)?;
        }
        if reader.len() > 0 {
            return damaged("regions have bytes behind their last part");
        }
        check_places(&all)?;
        if all.is_empty() {
            return damaged("regions have a format and no part");
        }
        regions.parts = all;
        regions.settings = Some(PartSettings { palette, ignored, ..settings });
        Ok(regions)
    }
}

fn metric_number(metric: Option<Metric>) -> u32 {
    match metric {
        None => NONE,
        Some(Metric::Euclidean) => 1,
        Some(Metric::Chebyshev) => 2,
    }
}

fn write_colors(writer: &mut Writer, colors: &[Color], encoding: Encoding) {
    for color in colors {
        match encoding.channels() {
            1 => writer.color::<1>(color, encoding),
            2 => writer.color::<2>(color, encoding),
            3 => writer.color::<3>(color, encoding),
            _ => writer.color::<4>(color, encoding),
        }
    }
}

fn write_part(writer: &mut Writer, part: &Part, encoding: Encoding) {
    let Place { left, top, width, height } = part.place;
    [left, top, width, height].iter().for_each(|&side| writer.number(side));
    // Lossless: there are fewer than 2^32 regions, and no border has more runs than pixels.
    writer.number(part.colors.len() as u32);
    writer.number(part.regions.len() as u32);
    part.borders.iter().for_each(|runs| writer.number(runs.len() as u32));
    write_colors(writer, &part.colors, encoding);
    for region in &part.regions {
        let Region { color, first, left, right, bottom, pixels, columns, rows } = *region;
        [color, first.0, first.1, left, right, bottom].iter().for_each(|&number| writer.number(number));
        [pixels, columns, rows].iter().for_each(|&number| writer.long(number));
    }
    for run in part.borders.iter().flatten() {
        writer.number(run.end);
        writer.number(run.region);
    }
}

fn damaged<T>(text: &str) -> Result<T, Error> {
    Err(Error::Data(text.to_owned()))
}

/// All but the checksum, which is right.
fn checked_body(bytes: &[u8]) -> Result<Reader<'_>, Error> {
    let size = bytes.len();
    let (body, sum) = match bytes.split_last_chunk() {
        Some((body, &sum)) if body.len() >= HEADER => (body, u64::from_le_bytes(sum)),
        _ => {
            let least = HEADER + CHECKSUM;
            return Err(Error::Data(format!("regions have {size} bytes; at least {least} are expected")));
        }
    };
    let mut reader = Reader::new(body, "regions");
    if reader.take::<8>()? != *MAGIC {
        return damaged("regions begin with other bytes than ctmREGNS");
    }
    let version = reader.number()?;
    if version != VERSION {
        return Err(Error::Data(format!("regions are of version {version}; {VERSION} is expected")));
    }
    let expected = checksum(&[body]);
    if sum != expected {
        return Err(Error::Data(format!(
            "regions have the checksum {sum:#018x}; {expected:#018x} is expected"
        )));
    }
    Ok(reader)
}

/// What comes before colours and parts.
struct Header {
    kind: [u32; 5],
    width: u32,
    height: u32,
    connectivity: u32,
    metrics: [u32; 2],
    flags: [u32; 3],
    tolerances: [f64; 2],
    most_pixels: u64,
    least: u64,
    palette: u32,
    ignored: u32,
    parts: u64,
}

impl Header {
    fn read(reader: &mut Reader, size: usize) -> Result<Self, Error> {
        let kind = reader.numbers()?;
        let header = Self {
            kind,
            width: reader.number()?,
            height: reader.number()?,
            connectivity: reader.number()?,
            metrics: reader.numbers()?,
            flags: reader.numbers()?,
            tolerances: [f64::from_bits(reader.long()?), f64::from_bits(reader.long()?)],
            most_pixels: reader.long()?,
            least: reader.long()?,
            palette: reader.number()?,
            ignored: reader.number()?,
            parts: reader.long()?,
        };
        match reader.long()? {
            len if len == size as u64 => Ok(header),
            len => Err(Error::Data(format!("regions have {size} bytes; {len} are expected"))),
        }
    }

    /// What the parts have in common, colours aside, if there are any.
    fn settings(&self) -> Result<Option<PartSettings>, Error> {
        let Some(kind) = kind(self.kind, "regions")? else {
            let rest = [self.connectivity, self.metrics[0], self.metrics[1]];
            let numbers = [self.tolerances[0].to_bits(), self.tolerances[1].to_bits(), self.most_pixels];
            if rest != [0; 3] || self.flags != [0; 3] || numbers != [0; 3] || self.least != 0 {
                return damaged("regions have settings and no format");
            }
            return Ok(None);
        };
        let wrong =
            |name: &str, value: u32| Error::Data(format!("the regions' {name} is {value}, which is unknown"));
        let connectivity = match self.connectivity {
            4 => Connectivity::Four,
            8 => Connectivity::Eight,
            other => return Err(wrong("connectivity", other)),
        };
        let metric = |name: &str, number: u32, tolerance: f64| match number {
            NONE if tolerance.to_bits() == 0 => Ok(None),
            1 | 2 if tolerance >= 0.0 && !kind.format.has_ids() => {
                Ok(Some(if number == 1 { Metric::Euclidean } else { Metric::Chebyshev }))
            }
            _ => Err(wrong(name, number)),
        };
        let [near, far] = self.tolerances;
        let nearest = metric("nearest", self.metrics[0], near)?;
        let merge = metric("merge", self.metrics[1], far)?;
        if merge.is_none() && self.most_pixels != 0 {
            return damaged("regions have a bound for merge, and no merge");
        }
        let [unlisted, palette, counts] = self.flags;
        if self.flags.iter().any(|&flag| flag > 1) || (counts == 1) != (self.least > 0) {
            return damaged("regions have flags that are unknown");
        }
        let no_palette = palette == 0;
        if (no_palette && (self.palette > 0 || unlisted == 1)) || (palette == 1 && merge.is_some()) {
            return damaged("regions have settings that contradict each other");
        }
        Ok(Some(PartSettings {
            kind,
            connectivity,
            palette: (palette == 1).then(Vec::new),
            ignored: Vec::new(),
            nearest: nearest.map(|metric| Nearest { metric, tolerance: near }),
            joins_unlisted: unlisted == 1,
            merge: merge.map(|metric| Merge { metric, tolerance: far, most_pixels: self.most_pixels }),
            least: (counts == 1).then_some(self.least),
        }))
    }
}

/// Memory for so many entries of some bytes, which must be there to be read.
fn room<T>(reader: &Reader, count: u32, bytes: usize) -> Result<Vec<T>, Error> {
    if (reader.len() / bytes) < count as usize {
        return Err(Error::Data(format!(
            "regions have {} bytes where {count} entries are to be",
            reader.len()
        )));
    }
    try_with_capacity(count as usize)
}

fn read_colors(reader: &mut Reader, count: u32, encoding: Encoding) -> Result<Vec<Color>, Error> {
    let mut colors = room(reader, count, 4 * encoding.channels())?;
    for index in 0..count {
        colors.push(reader.color(index as usize, encoding)?);
    }
    Ok(colors)
}

fn is_ascending(colors: &[Color]) -> bool {
    colors.is_sorted_by(|one, other| one < other)
}

fn read_part(reader: &mut Reader, palette: Option<&[Color]>, encoding: Encoding) -> Result<Part, Error> {
    let [left, top, width, height] = reader.numbers()?;
    let [colors, count] = reader.numbers()?;
    let runs: [u32; 4] = reader.numbers()?;
    if palette.is_some() && colors > 0 {
        return damaged("regions have a palette, and a part with colours of its own");
    }
    let colors = read_colors(reader, colors, encoding)?;
    let mut regions = room(reader, count, REGION)?;
    for _ in 0..count {
        regions.push(Region {
            color: reader.number()?,
            first: (reader.number()?, reader.number()?),
            left: reader.number()?,
            right: reader.number()?,
            bottom: reader.number()?,
            pixels: reader.long()?,
            columns: reader.long()?,
            rows: reader.long()?,
        });
    }
    let mut borders = [const { Vec::new() }; 4];
    for (border, count) in borders.iter_mut().zip(runs) {
        *border = room(reader, count, BORDER_RUN)?;
        for _ in 0..count {
            border.push(BorderRun { end: reader.number()?, region: reader.number()? });
        }
    }
    Ok(Part { place: Place { left, top, width, height }, colors, regions, borders })
}

/// Checks all that is relied on; tells what is wrong.
fn check_part(part: &Part, regions: &ImageRegions, palette: Option<&[Color]>) -> Result<(), String> {
    let Place { left, top, width, height } = part.place;
    if !part.place.fits(regions.width(), regions.height()) {
        return Err(format!(
            "has {width} x {height} pixels from column {left}, row {top} on, outside of the image"
        ));
    }
    if !is_ascending(&part.colors) {
        return Err("has colours that are not in their order".to_owned());
    }
    let colors = palette.map_or(part.colors.len(), <[Color]>::len);
    let mut pixels = 0u64;
    let mut last = None;
    for (index, region) in part.regions.iter().enumerate() {
        let Region { color, first: (x, y), left, right, bottom, .. } = *region;
        let is_inside = left <= x && x <= right && right < width && y <= bottom && bottom < height;
        let columns = u128::from(region.pixels) * u128::from(right);
        let rows = u128::from(region.pixels) * u128::from(bottom);
        let box_pixels = u64::from(right.wrapping_sub(left)) + 1;
        let most = u128::from(box_pixels) * (u128::from(bottom.wrapping_sub(y)) + 1);
        let sums_fit = u128::from(region.columns) <= columns && u128::from(region.rows) <= rows;
        let is_later = last.replace((y, x)).is_none_or(|last| last < (y, x));
        if color as usize >= colors || !is_inside || !is_later {
            return Err(format!("has a region, {index}, with a colour or a place that is none of its"));
        }
        if region.pixels == 0 || u128::from(region.pixels) > most || !sums_fit {
            return Err(format!(
                "has a region, {index}, of {} pixels that do not fit its box",
                region.pixels
            ));
        }
        // No more than the part's pixels at each step, so that this does not overflow.
        pixels += region.pixels;
        if pixels > part.place.pixels() {
            return Err(format!("has {width} x {height} pixels, and more in regions"));
        }
    }
    for (runs, len) in part.borders.iter().zip([width, width, height, height]) {
        let mut end = 0;
        for run in runs {
            if run.end <= end || (run.region != NO_REGION && run.region as usize >= part.regions.len()) {
                return Err("has a border that is none of its".to_owned());
            }
            end = run.end;
        }
        if end != len {
            return Err(format!("has a border of {end} pixels; {len} are expected"));
        }
    }
    let corner = |border: usize, last: bool| {
        let runs = &part.borders[border];
        let run = if last { runs.last() } else { runs.first() };
        run.map(|run| run.region)
    };
    let corners = [
        ((TOP, false), (LEFT, false)),
        ((TOP, true), (RIGHT, false)),
        ((BOTTOM, false), (LEFT, true)),
        ((BOTTOM, true), (RIGHT, true)),
    ];
    match corners.iter().all(|&(row, column)| corner(row.0, row.1) == corner(column.0, column.1)) {
        true => Ok(()),
        false => Err("has a corner in different regions".to_owned()),
    }
}

/// Checks that parts come in their order, and that none has a pixel of another.
fn check_places(parts: &[Part]) -> Result<(), Error> {
    let mut places = try_with_capacity(parts.len())?;
    places.extend(parts.iter().map(|part| part.place));
    let key = |place: &Place| (place.top, place.left);
    if !places.is_sorted_by(|one, other| key(one) < key(other)) {
        return damaged("regions have parts that are not in their order");
    }
    if first_overlap(&places).is_some() {
        return damaged("regions have parts that overlap");
    }
    Ok(())
}
