"""Writes OpenEXR files as renderers do: write_exr.py DIR"""

import sys
from pathlib import Path

import numpy
import OpenEXR

folder = Path(sys.argv[1])
y, x = numpy.mgrid[0:20, 0:30]
ids = (x // 10 + 3 * (y // 10)).astype(numpy.uint32)
header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}


def write(name, **channels):
    channels = {key.replace("__", "."): values for key, values in channels.items()}
    OpenEXR.File(dict(header), channels).write(str(folder / name))


write("id.exr", id=ids)
write("index.exr", IndexOB__X=ids.astype(numpy.float16))
write("y.exr", Y=ids.astype(numpy.float16))
color = {c: (ids % n).astype(numpy.float16) for c, n in zip("RGB", (2, 3, 5))}
write(
    "layers.exr",
    **{f"Beauty__{c}": numpy.random.default_rng(1).random(ids.shape, numpy.float32) for c in "RGB"},
    **{f"Flat__{c}": values for c, values in color.items()},
    IndexOB__X=ids.astype(numpy.float32),
    Motion__X=x.astype(numpy.float32),
    Motion__Z=y.astype(numpy.float32),
)
# As renderers name what is no colour: a depth without a layer, beside the colours' layer.
write("depth.exr", Z=ids.astype(numpy.float32), **{f"View__{c}": values for c, values in color.items()})
parts = [
    OpenEXR.Part(dict(header), {c: values for c, values in color.items()}, "rgb"),
    OpenEXR.Part(dict(header), {"X": ids.astype(numpy.float32)}, "ids"),
]
OpenEXR.File(parts).write(str(folder / "parts.exr"))
for compression in ("DWAA", "DWAB"):
    lossy = {**header, "compression": getattr(OpenEXR, f"{compression}_COMPRESSION")}
    OpenEXR.File(lossy, dict(color)).write(str(folder / f"{compression.lower()}.exr"))
