//! Seeds of hash functions: nobody knows them in advance, so that no image can be made whose colours
//! all collide. Results do not depend on them.

use std::hash::{BuildHasher, RandomState};

/// A sequence of seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The next seed.
    pub next: u64,
    /// What the one after it has more.
    pub step: u64,
}

impl Seeds {
    /// A sequence that is different each time.
    pub(crate) fn random() -> Self {
        let random = || RandomState::new().hash_one(0);
        Self { next: random(), step: random() | 1 }
    }

    /// Takes the next seed.
    pub(crate) fn take(&mut self) -> u64 {
        let seed = self.next;
        self.next = seed.wrapping_add(self.step);
        seed
    }
}
