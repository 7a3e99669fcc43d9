//! The manifest: JSON with the id of each name, in the image's header or in a file beside the image.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserializer as _;
use serde::de::{Error, MapAccess, Visitor};

use super::ids;
use crate::decode::Ranks;
use crate::save::folder_of;
use crate::{source, terminal};

/// The names of each id. Two names may have the same.
pub(super) type Names = BTreeMap<u32, Vec<String>>;

/// More bytes than this are no manifest.
const MOST_BYTES: u64 = 256 << 20;

/// Reads the manifest of an image, in the header or beside it. Without one there are no names.
pub(super) fn read(ranks: &Ranks, image: &Path, max_memory: u64) -> anyhow::Result<Names> {
    let what = || format!("the manifest of Cryptomatte layer '{}'", ranks.layer);
    if let Some(bytes) = &ranks.manifest {
        return parse(bytes).with_context(what);
    }
    let Some(name) = &ranks.sidecar else { return Ok(Names::new()) };
    let what = || format!("{}, '{name}' beside the image (manif_file)", what());
    let Some(file) = beside(name, folder_of(image)).with_context(what)? else {
        terminal::hint(&format!("{}, is not there; objects are called by their ids", what()));
        return Ok(Names::new());
    };
    let most = max_memory.min(MOST_BYTES);
    let bytes = source::open(&file).and_then(|source| source.read_all(most, "no manifest is that long"));
    bytes.and_then(|bytes| parse(&bytes)).with_context(what)
}

/// The file of a name that a header has, if it is there. Neither names nor links lead out of the folder.
fn beside(name: &str, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let is_inside = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
    if name.is_empty() || name.contains(['\\', '\0']) || !Path::new(name).components().all(is_inside) {
        bail!("leads out of the image's folder, and is not read");
    }
    let file = folder.join(name);
    if !file.exists() {
        return Ok(None);
    }
    if !file.canonicalize()?.starts_with(folder.canonicalize()?) {
        bail!("leads out of the image's folder, and is not read");
    }
    Ok(Some(file))
}

fn parse(bytes: &[u8]) -> anyhow::Result<Names> {
    // Some programs end texts with a zero.
    let text = std::str::from_utf8(bytes).context("is no UTF-8")?.trim_end_matches('\0');
    let mut reader = serde_json::Deserializer::from_str(text);
    let entries = reader.deserialize_map(Entries).and_then(|entries| reader.end().map(|()| entries));
    let mut names = Names::new();
    for (name, id) in entries.context("is not as JSON manifests are")? {
        names.entry(id).or_default().push(name);
    }
    Ok(names)
}

/// Reads an object of names and ids, which a plain map would not tell of the names that are there twice.
struct Entries;

impl<'a> Visitor<'a> for Entries {
    type Value = Vec<(String, u32)>;

    fn expecting(&self, text: &mut fmt::Formatter) -> fmt::Result {
        text.write_str("an object of names and ids, such as {\"bunny\": \"13851a76\"}")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        while let Some((name, id)) = map.next_entry::<String, String>()? {
            let Some(hash) = ids::parse(&id) else {
                let text = format!("'{name}' has the id '{id}'; eight hexadecimal digits are expected");
                return Err(A::Error::custom(text));
            };
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("'{name}' is there twice")));
            }
            entries.push((name, ids::of_hash(hash)));
        }
        Ok(entries)
    }
}
