//! stub
use crate::error::Error;
use crate::image::ColorMap;
use crate::labels::*;
use crate::params::Options;
use crate::pipeline::*;
use crate::threads::Threads;
/// limits
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceLimits {}
/// Kind
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DeviceKind {
    /// x
    Other,
}
/// A Vulkan device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceInfo {
    /// n
    pub name: String,
    /// k
    pub kind: DeviceKind,
}
/// Lists
/// # Errors
/// none
pub fn devices() -> Result<Vec<DeviceInfo>, Error> {
    Ok(vec![])
}
#[derive(Debug)]
pub(crate) struct Vulkan;
impl Vulkan {
    pub(crate) fn new(_o: &Options) -> Result<Self, Error> {
        Err(Error::NoDevice("stub".into()))
    }
    pub(crate) fn device_name(&self) -> &str {
        ""
    }
}
impl Backend for Vulkan {
    fn count(&mut self, _m: &ColorMap, _n: u64, _t: &Threads) -> Result<Counts, Error> {
        unreachable!()
    }
    fn label(
        &mut self,
        _m: &ColorMap,
        _p: &[ColorCount],
        _l: &mut LabelsMut,
        _t: &Threads,
    ) -> Result<(), Error> {
        unreachable!()
    }
}
