"""Makes what the examples read, and what they must give, from data/world-countries-2048.{png,json}, without ctm.

python3 golden.py PNG JSON FOLDER writes FOLDER/map.f32 (the picture as floats, value / 255), FOLDER/map.u8 (the same as
bytes), FOLDER/masks.f32 (the masks of the five most frequent colours), FOLDER/labels.u16 (the number of each pixel's mask,
from 1 on, or 0) and FOLDER/counts.txt (the lines that the examples print).
"""

import json
import pathlib
import sys

import numpy
from PIL import Image

if len(sys.argv) != 4:
    sys.exit("usage: python3 golden.py PNG JSON FOLDER")
png, countries, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
picture = numpy.asarray(Image.open(png).convert("RGB"))
(picture.astype(numpy.float32) / numpy.float32(255)).tofile(folder / "map.f32")
picture.tofile(folder / "map.u8")

# In the file the most frequent country comes first.
most_frequent = list(json.load(open(countries)).items())[:5]
masks = [(picture == numpy.array(color.split(","), numpy.uint8)).all(axis=2) for color, _ in most_frequent]
numpy.array(masks, numpy.float32).tofile(folder / "masks.f32")
sum(mask * numpy.uint16(number) for number, mask in enumerate(masks, 1)).tofile(folder / "labels.u16")
lines = [f"mask {index + 1}: {country['pixels']} pixels\n" for index, (_, country) in enumerate(most_frequent)]
(folder / "counts.txt").write_text("".join(lines))
assert [int(mask.sum()) for mask in masks] == [country["pixels"] for _, country in most_frequent]
