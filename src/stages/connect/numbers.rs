//! Which mask a component of a strip belongs to.

use crate::stages::connect::strip::Component;

/// The labels of the masks that components get.
///
/// A component says its class and which of that class's components it is, and no more: to write its label there, too,
/// would take another pass over all of them.
#[derive(Debug)]
pub(super) struct Numbers {
    /// Strips that were counted together.
    pub(super) strips: usize,
    /// Of each so many strips, where the numbers of each class begin; those of the last class begin with 0.
    pub(super) firsts: Vec<Vec<u32>>,
    /// How many masks there are, at most.
    pub(super) most: u32,
}

impl Numbers {
    /// Those of a strip's components.
    pub(super) fn of_strip(&self, strip: usize) -> StripNumbers<'_> {
        StripNumbers { firsts: &self.firsts[strip / self.strips], most: self.most }
    }

    /// Gives a component of any strip a label, or none.
    pub(super) fn set(&self, component: &mut Component, label: u32) {
        // All parts have as many classes.
        let by_itself = self.firsts[0].len() as u32 - 1;
        *component = Component { mask_label: by_itself, number: label.wrapping_sub(1) };
    }
}

/// The labels of the masks that a strip's components get.
#[derive(Clone, Copy)]
pub(super) struct StripNumbers<'a> {
    firsts: &'a [u32],
    most: u32,
}

impl StripNumbers<'_> {
    /// 0 for none.
    #[inline(always)]
    pub(super) fn label(&self, component: Component) -> u32 {
        let number = self.firsts[component.mask_label as usize].saturating_add(component.number);
        if number < self.most { number + 1 } else { 0 }
    }
}
