//! The layers of `src`: an import goes down, or sideways within a folder, and files import each other in no circle.
//!
//! The test reads the paths `crate::…`, `super::…` and those of a file's own modules in each file, tests left out: its
//! parser is made for code as rustfmt writes it.

#![allow(missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::root;

/// From the top down. A file or folder of `src` that is not here is a mistake, too.
const LAYERS: [&str; 12] = [
    "lib", "capi", "context", "backend", "stages", "output", "input", "labels", "types", "runtime", "error",
    "color",
];

/// A module's path, as in `["backend", "cpu"]`.
type Module = Vec<String>;

/// An import of one file by another.
struct Import {
    from: Module,
    to: Module,
    /// `src/….rs:LINE`
    place: String,
}

fn modules(folder: &Path, path: &[String], found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mut module = path.to_vec();
        if entry.file_type().unwrap().is_dir() {
            module.push(name);
            modules(&entry.path(), &module, found);
        } else if let Some(stem) = name.strip_suffix(".rs") {
            if stem != "mod" {
                module.push(stem.to_owned());
            }
            found.insert(module, entry.path().strip_prefix(root()).unwrap().display().to_string());
        }
    }
}

/// A source's lines without comments and tests.
fn code(source: &str) -> Vec<&str> {
    let lines = source.lines().take_while(|line| !line.starts_with("mod tests {"));
    lines.map(|line| line.split("//").next().unwrap()).collect()
}

/// The paths that `a::{b, c::{d, e}}` stands for.
fn spread(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        return vec![path.trim_end_matches("::self").trim_end_matches("::*").to_owned()];
    };
    let (mut depth, mut start, mut paths) = (0, open + 1, Vec::new());
    for (at, letter) in tree.char_indices().skip(open) {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if (letter == ',' && depth == 1) || (letter == '}' && depth == 0) {
            let part = tree[start..at].trim();
            if !part.is_empty() {
                paths.extend(spread(part).iter().map(|rest| format!("{}{rest}", &tree[..open])));
            }
            start = at + 1;
        }
    }
    paths.iter().map(|path| path.trim_end_matches("::self").to_owned()).collect()
}

/// All paths in a file that may name other files, with their lines.
fn paths(source: &str) -> Vec<(usize, String)> {
    let lines = code(source);
    let mut found = Vec::new();
    let mut statement: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(lines) {
        let text = line.trim();
        let visible = text.strip_prefix("pub(crate) ").or(text.strip_prefix("pub(super) "));
        let text = visible.or(text.strip_prefix("pub ")).unwrap_or(text);
        if statement.is_none() && text.starts_with("use ") {
            statement = Some((number, String::new()));
        }
        if let Some((start, tree)) = &mut statement {
            tree.push_str(text.strip_prefix("use ").unwrap_or(text));
            if text.ends_with(';') {
                let (start, tree) = (*start, tree.trim_end_matches(';').to_owned());
                found.extend(spread(&tree).into_iter().map(|path| (start, path)));
                statement = None;
            }
            continue;
        }
        for (at, _) in line.match_indices("crate::") {
            let end = line[at..].find(|letter: char| !(letter.is_alphanumeric() || ":_".contains(letter)));
            let path = &line[at..end.map_or(line.len(), |end| at + end)];
            if line[..at].chars().next_back().is_none_or(|letter| !letter.is_alphanumeric() && letter != '$')
            {
                found.push((number, path.trim_end_matches(':').to_owned()));
            }
        }
    }
    found
}

/// The file that a path in `from` names, if it is one of the crate's.
fn target(from: &Module, path: &str, modules: &BTreeMap<Module, String>) -> Option<Module> {
    let mut names = path.split("::");
    let first = names.next()?;
    let mut module = match first {
        "crate" => Vec::new(),
        "self" => from.clone(),
        "super" => from[..from.len().saturating_sub(1)].to_vec(),
        own => {
            // `use child::Item` in the file of the folder.
            let child = [from.as_slice(), &[own.to_owned()]].concat();
            if !modules.contains_key(&child) {
                return None;
            }
            child
        }
    };
    let mut known = modules.contains_key(&module).then(|| module.clone());
    for name in names {
        if name == "super" {
            module.pop();
        } else {
            module.push(name.to_owned());
        }
        if modules.contains_key(&module) {
            known = Some(module.clone());
        }
    }
    known.filter(|known| known != from && !known.is_empty())
}

fn imports(modules: &BTreeMap<Module, String>) -> Vec<Import> {
    let mut imports = Vec::new();
    for (from, file) in modules {
        if from.last().is_some_and(|name| name.ends_with("_tests")) {
            continue;
        }
        let source = fs::read_to_string(root().join(file)).unwrap();
        for (line, path) in paths(&source) {
            if let Some(to) = target(from, &path, modules) {
                imports.push(Import { from: from.clone(), to, place: format!("{file}:{line}") });
            }
        }
    }
    imports
}

fn layer(module: &Module) -> usize {
    let name = module.first().map_or("lib", String::as_str);
    LAYERS
        .iter()
        .position(|layer| *layer == name)
        .unwrap_or_else(|| panic!("src/{name} is in no layer of {LAYERS:?}"))
}

#[test]
fn no_import_runs_up() {
    let mut files = BTreeMap::new();
    modules(&root().join("src"), &[], &mut files);
    for module in files.keys() {
        layer(module);
    }
    let imports = imports(&files);
    assert!(imports.len() > 300, "only {} imports were read", imports.len());
    let up = imports.iter().filter(|import| layer(&import.to) < layer(&import.from));
    let offenders: Vec<String> = up
        .map(|Import { from, to, place }| {
            let [from, to] = [from, to].map(|module| LAYERS[layer(module)]);
            format!("{place} is in `{from}` and imports `{to}`, a layer above; from the top down they are {LAYERS:?}")
        })
        .collect();
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut files = BTreeMap::new();
    modules(&root().join("src"), &[], &mut files);
    let mut below: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for Import { from, to, place } in imports(&files) {
        places.insert((from.clone(), to.clone()), place);
        below.entry(from).or_default().insert(to);
    }
    // Files that import no file that is left are taken away; what stays is in circles, or above one.
    let mut left: BTreeSet<Module> = files.into_keys().collect();
    loop {
        let imports_none = |module: &Module| {
            below.get(module).is_none_or(|targets| targets.intersection(&left).next().is_none())
        };
        let free: Vec<Module> = left.iter().filter(|module| imports_none(module)).cloned().collect();
        if free.is_empty() {
            break;
        }
        left.retain(|module| !free.contains(module));
    }
    let Some(first) = left.first() else { return };
    let (mut way, mut at) = (Vec::new(), first.clone());
    while !way.contains(&at) {
        way.push(at.clone());
        at = below[&at].intersection(&left).next().unwrap().clone();
    }
    let start = way.iter().position(|module| *module == at).unwrap();
    way.push(at);
    let steps = way[start..].windows(2).map(|step| &places[&(step[0].clone(), step[1].clone())]);
    let text: Vec<String> = way[start..]
        .iter()
        .zip(steps)
        .map(|(module, place)| format!("{} ({place})", module.join("::")))
        .collect();
    panic!("these files import each other in a circle: {}", text.join(" -> "));
}
