//! Labels become values or bits one by one; see `expand_x86` for many at a time.

use crate::output::expand::{Label, Value, WriteBits, WriteValues};
use crate::runtime::simd::{Scalar, Work};

impl<T: Label, V: Value> Work<Scalar, ()> for WriteValues<'_, T, V> {
    #[inline(always)]
    fn run(self, _: Scalar) {
        for (value, &label) in self.values.iter_mut().zip(self.labels) {
            value.write(if label == self.wanted { self.inside } else { V::zeroed() });
        }
    }
}

impl<T: Label> Work<Scalar, ()> for WriteBits<'_, T> {
    #[inline(always)]
    fn run(self, _: Scalar) {
        for (byte, labels) in self.bytes.iter_mut().zip(self.labels.chunks(8)) {
            let bits =
                labels.iter().zip(0..).map(|(&label, bit)| u8::from(label == self.wanted) << (7 - bit));
            byte.write(bits.fold(0, |byte, bit| byte | bit));
        }
    }
}
