//! The frames of an animation, each drawn over those before it: decoded one after the other, not each from the first one on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::bail;

use crate::decode;
use crate::decoder_process::Frames;
use crate::picture::Image;
use crate::source::{self, Source};

/// All frames of a file. Several threads may take some, those of low numbers first: what is decoded on the way to a frame waits
/// for the thread that wants it.
#[derive(Debug)]
pub(crate) struct Sequence {
    path: PathBuf,
    count: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// None before the first frame, behind the last, and where decoding has failed.
    frames: Option<Frames>,
    /// The frame that it will give next, from 1.
    next: u32,
    waiting: BTreeMap<u32, Image>,
}

impl Sequence {
    pub(crate) fn new(path: &Path, count: u32) -> Self {
        let state = State { frames: None, next: 1, waiting: BTreeMap::new() };
        Self { path: path.to_owned(), count, state: Mutex::new(state) }
    }

    /// Takes a frame, from 1. None: it has to be decoded by itself, which may tell why.
    pub(crate) fn take(&self, frame: u32, max_memory: u64) -> Option<Image> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        if state.next == 1 {
            state.frames = start(&self.path, max_memory).ok();
        }
        while state.next <= frame {
            let image = state.frames.as_mut()?.next();
            if image.is_err() || state.next == self.count {
                state.frames = None;
            }
            state.waiting.insert(state.next, image.ok()?);
            state.next += 1;
        }
        state.waiting.remove(&frame)
    }
}

fn start(path: &Path, max_memory: u64) -> anyhow::Result<Frames> {
    let Source::File(mut file, _) = source::open(path)? else { bail!("is no file") };
    let format = decode::format_of(&source::head(&mut file)?)?;
    Frames::start(file, format, max_memory)
}
