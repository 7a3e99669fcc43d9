//! Whether memory on a device can be used for what a call asks for.

use crate::context::Context;
use crate::error::Error;
use crate::types::image::ColorMap;
use crate::types::outputs::DeviceOutputs;
use crate::types::params::{Batch, Params};

impl Context {
    /// Checks that the backends can use the memory of a device that the caller lends.
    pub(crate) fn check_memory(
        &mut self,
        map: &ColorMap,
        params: &Params,
        outputs: &DeviceOutputs,
    ) -> Result<(), Error> {
        let refuse = |text: &str| Err(Error::Unsupported(text.to_owned()));
        if !outputs.is_empty() && params.batch == Batch::Each && map.images() > 1 {
            return refuse(
                "each image is to have masks of its own; in a device's memory all images of a call share theirs",
            );
        }
        if !outputs.is_empty()
            && (params.connected.is_some() || params.unmix_radius > 0 || params.absorbing().is_some())
        {
            return refuse(
                "regions are found and pixels unmixed on the host; their masks and labels are written to its memory",
            );
        }
        if map.memory().is_some() && params.unmix_radius > 0 {
            return refuse("pixels are unmixed on the host, which cannot read those in a device's memory");
        }
        if let Some(memory) = map.memory() {
            self.backends[self.counter].check_memory(&memory)?;
            self.backends[self.labeler].check_memory(&memory)?;
        }
        outputs.memories().try_for_each(|memory| self.backends[self.labeler].check_memory(&memory))
    }
}
