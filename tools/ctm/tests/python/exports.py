"""Opens what --format has written with Pillow, OpenEXR and NumPy, and compares it with the masks that are a file each.

exports.py DIR COCO.json IMAGE MASK.png...   the files of one image, and those of all; the first mask first
"""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy
import OpenEXR
import pycocotools.mask
from PIL import Image, ImageSequence
from pycocotools.coco import COCO

folder = Path(sys.argv[1])
masks = [numpy.asarray(Image.open(file).convert("L")) for file in sys.argv[4:]]
assert masks and all(mask.any() for mask in masks)
names = [line.split(":")[0] for line in (folder / "labelmap.txt").read_text().splitlines()]
assert names[:2] == ["# label", "background"], names
names = names[2:]
# What has a category of its own: a name, or a color that has none.
unnamed = [re.fullmatch(r"mask-\d+-(\w+)", name) for name in names]
classes = ["#" + match[1] if match else re.sub(r"-\d+$", "", name) for name, match in zip(names, unnamed)]

pages = [(page.tag_v2[285], numpy.asarray(page.copy())) for page in ImageSequence.Iterator(Image.open(folder / "masks.tif"))]
assert len(pages) == len(masks), len(pages)
for (name, page), mask, expected in zip(pages, masks, names):
    assert (page == mask).all() and name.encode("latin-1").decode() == expected, name

with OpenEXR.File(str(folder / "masks.exr"), separate_channels=True) as exr:
    channels = {name: channel.pixels for name, channel in exr.parts[0].channels.items()}
assert sorted(channels) == sorted(f"{name}.Y" for name in names), sorted(channels)
for name, mask in zip(names, masks):
    pixels = channels[f"{name}.Y"]
    assert pixels.dtype == numpy.float16
    assert (pixels == (mask / numpy.float32(255)).astype(numpy.float16)).all(), name

indexed = Image.open(folder / "indexed.png")
assert indexed.mode == "P"
indices = numpy.asarray(indexed)
palette = numpy.array(indexed.getpalette()).reshape(-1, 3)
assert (palette[0] == 0).all()
for number, mask in enumerate(masks, 1):
    assert ((indices == number) == (mask > 127)).all(), number
    line = (folder / "labelmap.txt").read_text().splitlines()[number + 1]
    assert line == f"{names[number - 1]}:{','.join(map(str, palette[number]))}::", line

arrays = numpy.load(folder / "masks.npz")
assert (arrays["labels"] == indices).all()
assert arrays["names"].tolist() == classes
assert arrays["counts"].tolist() == [int((indices == number).sum()) for number in range(1, len(masks) + 1)]
assert arrays["colors"].dtype == numpy.uint8 and len(arrays["colors"]) == len(masks)
assert (arrays["colors"][:, :3] == palette[1 : len(masks) + 1]).all()
for number, (box, centroid) in enumerate(zip(arrays["boxes"].tolist(), arrays["centroids"].tolist()), 1):
    rows, columns = numpy.nonzero(indices == number)
    assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], number
    assert numpy.allclose(centroid, [columns.mean(), rows.mean()]), number
coco = COCO(sys.argv[2])
[image] = [image for image in coco.dataset["images"] if image["file_name"] == sys.argv[3]]
assert (image["height"], image["width"]) == indices.shape
ids = [annotation["id"] for annotation in coco.dataset["annotations"]]
assert ids == list(range(1, len(ids) + 1))
annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
assert [coco.cats[annotation["category_id"]]["name"] for annotation in annotations] == classes
kinds = set()
for number, annotation in enumerate(annotations, 1):
    mask = (indices == number).astype(numpy.uint8)
    assert (coco.annToMask(annotation) == mask).all(), number
    encoded = pycocotools.mask.encode(numpy.asfortranarray(mask))
    is_polygons = isinstance(annotation["segmentation"], list)
    kinds.add("polygons" if is_polygons else "rle")
    if not is_polygons:
        assert annotation["segmentation"]["counts"] == encoded["counts"].decode(), number
    assert annotation["area"] == mask.sum()
    assert annotation["bbox"] == pycocotools.mask.toBbox(encoded).tolist(), number

svg = ElementTree.parse(folder / "masks.svg").getroot()
space = "{http://www.w3.org/2000/svg}"
paths = svg.findall(f"{space}path")
assert len(paths) == len(masks)
for number, path in enumerate(paths, 1):
    assert path.find(f"{space}title").text == names[number - 1]
    assert path.get("fill") == "#" + "".join(f"{value:02x}" for value in palette[number])
    # Filled by the even-odd rule: each edge upwards or downwards turns what is on its right.
    turned = numpy.zeros((indices.shape[0], indices.shape[1] + 1), numpy.uint8)
    for ring in path.get("d").split("Z")[:-1]:
        steps = re.findall(r"([MHV])(\d+)(?: (\d+))?", ring)
        x, y = int(steps[0][1]), int(steps[0][2])
        start = x, y
        for kind, value, _ in [*steps[1:], ("V", start[1], "")]:
            if kind == "H":
                x = int(value)
            else:
                turned[min(y, int(value)) : max(y, int(value)), x] ^= 1
                y = int(value)
    assert (numpy.cumsum(turned, axis=1)[:, :-1] % 2 == (indices == number)).all(), number
print("same", *sorted(kinds))
