//! Which objects there are, and which of them get masks.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::ops::Range;

use anyhow::{Context as _, bail};
use glob::Pattern;

use super::manifest::Names;
use super::{Object, ids};
use crate::args::SegmentArgs;
use crate::decode::Ranks;
use crate::terminal::{self, count, thousands};

/// A file of more ids has something else in its channels.
const MOST_IDS: usize = 1 << 22;
/// So many names are listed where none is right.
const MOST_LISTED: usize = 8;

/// Where and how much of the image an object covers.
#[derive(Clone, Default)]
pub(super) struct Cover {
    /// The sum of its coverage over all pixels.
    pixels: f64,
    /// All rows that have it.
    rows: Range<usize>,
}

/// What each object covers.
pub(super) type Covered = HashMap<u32, Cover>;

/// The objects that get masks, those that cover most first.
pub(super) struct Chosen {
    pub(super) objects: Vec<Object>,
    pub(super) left_out: u64,
}

/// Sums up each object's coverage: by ranks, and each by rows from the top.
pub(super) fn covered(ranks: &Ranks) -> anyhow::Result<Covered> {
    let mut sums = Sums::default();
    let width = ranks.size[0] as usize;
    for (rank, [ids, coverage]) in planes(ranks).enumerate() {
        for (row, (ids, coverage)) in ids.chunks(width).zip(coverage.chunks(width)).enumerate() {
            for (column, (id, &share)) in ids.iter().zip(coverage).enumerate() {
                let id = id.to_bits();
                if share == 0.0 || id == 0 {
                    continue;
                }
                check(id, share).with_context(|| {
                    let channel = &ranks.channels[2 * rank + usize::from(!share.is_finite())];
                    format!("channel {channel}, column {column}, row {row}")
                })?;
                sums.add(id, row, share)?;
            }
        }
        sums.put_last()?;
    }
    Ok(sums.covered)
}

/// Refuses what is no id, or no coverage.
fn check(id: u32, share: f32) -> anyhow::Result<()> {
    if !share.is_finite() {
        bail!("{share}; a coverage from 0 to 1 is expected");
    }
    if !ids::is_float(id) {
        bail!("{id:08x}, which is no id of Cryptomatte");
    }
    Ok(())
}

/// What objects cover so far.
#[derive(Default)]
struct Sums {
    covered: Covered,
    /// The object of the last pixel, which is not put there yet: neighbours are mostly of the same one, which then need not
    /// be looked for.
    last: (u32, Cover),
}

impl Sums {
    fn add(&mut self, id: u32, row: usize, share: f32) -> anyhow::Result<()> {
        if id != self.last.0 {
            self.put_last()?;
            let new = Cover { pixels: 0.0, rows: row..row };
            self.last = (id, self.covered.get(&id).cloned().unwrap_or(new));
        }
        let cover = &mut self.last.1;
        cover.pixels += f64::from(share);
        cover.rows = cover.rows.start.min(row)..cover.rows.end.max(row + 1);
        Ok(())
    }

    fn put_last(&mut self) -> anyhow::Result<()> {
        let (id, cover) = mem::take(&mut self.last);
        if id != 0 {
            self.covered.insert(id, cover);
            if self.covered.len() > MOST_IDS {
                bail!("has more than {} ids; no Cryptomatte has", thousands(MOST_IDS as u64));
            }
        }
        Ok(())
    }
}

/// The ids and the coverage of each rank.
pub(super) fn planes(ranks: &Ranks) -> impl Iterator<Item = [&[f32]; 2]> {
    let pixels = ranks.size[0] as usize * ranks.size[1] as usize;
    ranks.values.chunks_exact(2 * pixels).map(move |rank| <[&[f32]; 2]>::from(rank.split_at(pixels)))
}

/// Chooses the objects that were named, or those that cover most.
pub(super) fn choose(covered: &Covered, names: &Names, args: &SegmentArgs) -> anyhow::Result<Chosen> {
    let wanted = args.cryptomatte.object.as_slice();
    let mut objects = match wanted {
        [] => covered.keys().map(|&id| object(id, covered, names)).collect(),
        wanted => named(wanted, covered, names)?,
    };
    // Ties are in the order of ids.
    objects.sort_by(|a, b| b.pixels.total_cmp(&a.pixels).then(a.id.cmp(&b.id)));
    if !wanted.is_empty() {
        return Ok(Chosen { objects, left_out: 0 });
    }
    let largest = objects.first().map(|object| object.pixels);
    objects.retain(|object| object.pixels >= args.min_pixels() as f64);
    let enough = objects.len();
    objects.truncate(args.max_count() as usize);
    if objects.is_empty() {
        terminal::hint(&match largest {
            _ if args.max_count() == 0 => "no mask, since --max-count is 0".to_owned(),
            None => "no mask, since no pixel has an object".to_owned(),
            Some(pixels) => format!(
                "no object covers {} pixels; the largest covers {}: try a lower --min-pixels",
                thousands(args.min_pixels()),
                pixels_text(pixels)
            ),
        });
    }
    Ok(Chosen { left_out: (enough - objects.len()) as u64, objects })
}

fn object(id: u32, covered: &Covered, names: &Names) -> Object {
    let name = names.get(&id).and_then(|names| names.first()).cloned();
    let Cover { pixels, rows } = covered.get(&id).cloned().unwrap_or_default();
    Object { id, name, pixels, rows, file: None }
}

/// The objects in the image that one of the texts means. Each text means one, or it is an error.
fn named(wanted: &[String], covered: &Covered, names: &Names) -> anyhow::Result<Vec<Object>> {
    let mut found: HashMap<u32, Object> = HashMap::new();
    for wanted in wanted {
        // A name that is there is no pattern, whatever its letters.
        let is_name = names.values().flatten().any(|name| name == wanted);
        let pattern = Pattern::new(wanted).ok().filter(|_| !is_name);
        let is_meant =
            |name: &String| name == wanted || pattern.as_ref().is_some_and(|pattern| pattern.matches(name));
        let mut is_found = false;
        for &id in covered.keys() {
            let names_of_id = names.get(&id).map(Vec::as_slice).unwrap_or_default();
            let Some(name) = meant(id, names_of_id, wanted, is_meant) else { continue };
            is_found = true;
            found.entry(id).or_insert(Object { name, ..object(id, covered, names) });
        }
        if !is_found {
            let is_known = names.values().flatten().any(is_meant);
            bail!("{}", not_there(wanted, is_known, covered, names));
        }
    }
    Ok(found.into_values().collect())
}

/// Whether a text means an object, and what the object is called then: by a name of the manifest, by the id's digits, or
/// by a name that the manifest does not have, whose id it is.
fn meant(
    id: u32,
    names: &[String],
    wanted: &str,
    is_meant: impl Fn(&String) -> bool,
) -> Option<Option<String>> {
    if let Some(name) = names.iter().find(|name| is_meant(name)) {
        return Some(Some(name.clone()));
    }
    if is_meant(&format!("{id:08x}")) {
        return Some(names.first().cloned());
    }
    (names.is_empty() && ids::of_name(wanted) == id).then(|| Some(wanted.to_owned()))
}

/// What to say where no object is meant.
fn not_there(wanted: &str, is_known: bool, covered: &Covered, names: &Names) -> String {
    if is_known {
        return format!("--object '{wanted}' is in the manifest, and no pixel of the image has it");
    }
    let all: BTreeSet<String> = covered.keys().map(|&id| object(id, covered, names).text()).collect();
    let mut nearest: Vec<&String> = all.iter().collect();
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted.to_lowercase());
    nearest.sort_by_cached_key(|name| Reverse((likeness(name) * 1e6) as u64));
    nearest.truncate(MOST_LISTED);
    let list: Vec<&str> = nearest.into_iter().map(String::as_str).collect();
    match all.len() - list.len() {
        _ if all.is_empty() => format!("has no object '{wanted}' (--object), and no other"),
        0 => format!("has no object '{wanted}' (--object); it has {}", list.join(", ")),
        others => format!(
            "has no object '{wanted}' (--object); of its {} the nearest are {}",
            count((list.len() + others) as u64, "object"),
            list.join(", ")
        ),
    }
}

/// Covered pixels as people read them: with a tenth.
pub(super) fn pixels_text(pixels: f64) -> String {
    let text = format!("{pixels:.1}");
    let (whole, tenth) = text.split_once('.').unwrap_or((&text, "0"));
    match whole.parse() {
        Ok(whole) => format!("{}.{tenth}", thousands(whole)),
        Err(_) => text,
    }
}
