"""The label map of a colour map's five most frequent colours, by ctm_analyze, with nothing but the table of docs/ffi.md.

python3 labels.py MAP WIDTH HEIGHT LABELS reads MAP, rows of 32-bit floats, red, green, blue, and writes LABELS, a 16-bit
number for each pixel: 0 where it is in no mask, else its mask's number from 1 on. Prints each mask's pixels.
"""

import ctypes
import struct
import sys

if len(sys.argv) != 5:
    sys.exit("usage: python3 labels.py MAP WIDTH HEIGHT LABELS")
path, width, height, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

ctm = ctypes.CDLL("libctm.so.0")
ctm.ctm_last_error.restype = ctypes.c_char_p


def check(status, context=None):
    if status != 0:
        sys.exit(ctm.ctm_last_error(context).decode())


class Struct:
    """A struct of ctm.h: its bytes, whose sizes and offsets are those of the table."""

    def __init__(self, name, size):
        self.memory = (ctypes.c_uint64 * (size // 8))()  # aligned to 8
        check(ctm[f"ctm_{name}_init"](self.memory, ctypes.c_size_t(size)))

    def set(self, offset, kind, value):
        struct.pack_into(kind, self.memory, offset, value)

    def get(self, offset, kind):
        return struct.unpack_from(kind, self.memory, offset)[0]


pixels = bytearray(open(path, "rb").read())
if len(pixels) != width * height * 12:
    sys.exit(f"{path}: its size is not that of WIDTH x HEIGHT x 3 floats")
labels = (ctypes.c_uint16 * (width * height))()
entry_size = 88  # of ctm_palette_entry
palette = (ctypes.c_uint64 * (5 * entry_size // 8))()

image = Struct("image", 104)
image.set(8, "P", ctypes.addressof(ctypes.c_char.from_buffer(pixels)))
for offset, number in ((16, width), (20, height), (24, 3)):  # width, height, channels
    image.set(offset, "I", number)
params = Struct("params", 192)
params.set(16, "I", 5)  # max_count
outputs = Struct("outputs", 168)
outputs.set(28, "I", 1)  # label_format: CTM_LABEL_U16
outputs.set(32, "P", ctypes.addressof(labels))
outputs.set(40, "N", ctypes.sizeof(labels))
outputs.set(48, "P", ctypes.addressof(palette))
outputs.set(56, "N", 5)  # palette_capacity
result = Struct("result", 136)

context = ctypes.c_void_p()
check(ctm.ctm_create(None, ctypes.byref(context)))
check(ctm.ctm_analyze(context, image.memory, params.memory, outputs.memory, result.memory), context)
ctm.ctm_destroy(context)
for mask in range(result.get(8, "I")):
    print(f"mask {mask + 1}: {struct.unpack_from('Q', palette, mask * entry_size + 16)[0]} pixels")
open(target, "wb").write(labels)
