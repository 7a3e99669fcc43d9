"""A map of provinces becomes cropped masks, COCO, SVG and labels in one call of the tool; all of it is checked here.

provinces.py CTM DIR   prints the most memory that the tool had, in MiB
"""

import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy
import pycocotools.mask
from PIL import Image

WIDTH, HEIGHT, ACROSS, DOWN = 2048, 1024, 75, 53
COUNT = ACROSS * DOWN
program, folder = sys.argv[1], Path(sys.argv[2])

# Each pixel is of the nearest of the seeds in the cells around it.
random = numpy.random.default_rng(7)
seeds = random.random((DOWN, ACROSS, 2)) * 0.8 + 0.1
y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
row, column = y * DOWN // HEIGHT, x * ACROSS // WIDTH
nearest = numpy.full(x.shape, numpy.inf)
province = numpy.zeros(x.shape, int)
for dy in -1, 0, 1:
    for dx in -1, 0, 1:
        r, c = numpy.clip(row + dy, 0, DOWN - 1), numpy.clip(column + dx, 0, ACROSS - 1)
        seed = seeds[r, c]
        far = (x - (c + seed[..., 0]) * WIDTH / ACROSS) ** 2 + (y - (r + seed[..., 1]) * HEIGHT / DOWN) ** 2
        province = numpy.where(far < nearest, r * ACROSS + c, province)
        nearest = numpy.minimum(far, nearest)
# An odd number times different ones is different in 24 bits.
colors = numpy.arange(1, COUNT + 1) * 0x9E3779 % (1 << 24)
packed = colors[province]
picture = numpy.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(numpy.uint8)
Image.fromarray(picture).save(folder / "map.png")
assert len(numpy.unique(province)) == COUNT

out = folder / "out"
command = [program, "segment", folder / "map.png", "-o", out, "--backend", "cpu", "--min-pixels", "1"]
command += ["--max-count", "all", "--cropped", "--format", "png,coco,svg", "--labels", folder / "labels.png"]
run = subprocess.run([*command, "--no-overview", "--json"], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
assert run.returncode == 0 and run.stderr == "", run.stderr

masks = json.loads(run.stdout)["masks"]
assert len(masks) == COUNT
assert len(list(out.iterdir())) == COUNT + 2
of_mask = numpy.array([int(mask["hex"], 16) for mask in masks])
labels = numpy.asarray(Image.open(folder / "labels.png"))
assert (labels > 0).all() and (of_mask[labels.astype(int) - 1] == packed).all()
pixels = numpy.bincount(labels.ravel())[1:]
assert pixels.tolist() == [mask["pixels"] for mask in masks]
for number, mask in enumerate(masks, 1):
    box = mask["box"]
    part = labels[box["top"] : box["top"] + box["height"], box["left"] : box["left"] + box["width"]]
    assert ((part == number) * 255 == numpy.asarray(Image.open(mask["file"]))).all(), mask["file"]

coco = json.loads((out / "coco.json").read_text())
annotations = coco["annotations"]
assert [annotation["area"] for annotation in annotations] == pixels.tolist()
runs = [annotation["segmentation"] for annotation in annotations]
for at, annotation in enumerate(annotations):
    # One at a time: pycocotools' lists are of 255 at most.
    assert pycocotools.mask.area(runs[at]) == pixels[at]
    assert pycocotools.mask.toBbox(runs[at]).tolist() == annotation["bbox"]
for number in range(1, COUNT + 1, 50):
    assert (pycocotools.mask.decode(runs[number - 1]) == (labels == number)).all(), number

paths = ElementTree.parse(out / "masks.svg").getroot().findall("{http://www.w3.org/2000/svg}path")
assert len(paths) == COUNT
for number in range(1, COUNT + 1):
    # Twice the area within, by the shoelace formula: of a hole it is less than nothing.
    area = 0
    for ring in paths[number - 1].get("d").split("Z")[:-1]:
        steps = re.findall(r"([MHV])(\d+)(?: (\d+))?", ring)
        points = [(int(steps[0][1]), int(steps[0][2]))]
        for kind, value, _ in steps[1:]:
            px, py = points[-1]
            points.append((int(value), py) if kind == "H" else (px, int(value)))
        area += sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:] + points[:1]))
    assert area == 2 * pixels[number - 1], number
print(peak)
