"""What people use instead of ctm, and ctm, on the same image and machine: python alternatives.py TOOL FOLDER

TOOL is the program `ctm`. Prints a table in Markdown for each job, and draws FOLDER/alternatives.png. The image is the
anti-aliased map of the world at 1920 x 1080, pixels repeated; masks of its five most frequent colours are wanted. Each way
must give the same masks before it is timed. Ways alternate; a time is the shortest of its runs, since other programs on the
machine only ever add to it.
"""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cc3d
import ctm
import cv2
import fastremap
import matplotlib
import numpy as np
import torch
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
MASKS = 5
SECONDS = 4  # for each way, but at least three times
Ways = dict[str, Callable[[], np.ndarray]]


def pack(image):
    """Bytes RGB as one number a pixel, which sort like colours."""
    return image[..., 0].astype(np.uint32) << 16 | image[..., 1].astype(np.uint32) << 8 | image[..., 2]


def best(colors, counts):
    """The most frequent colours; of equal ones those that come first."""
    return colors[np.argsort(-counts.astype(np.int64), kind="stable")[:MASKS]]


def node(floats):
    """The algorithm of the image-graph node "Color Map To Masks"."""
    colors, counts = torch.unique(floats.flatten(0, 1), dim=0, return_counts=True)
    counts, order = counts.sort(descending=True)
    return torch.stack([(floats == color).all(dim=-1).to(floats.dtype) for color in colors[order][:MASKS]]).numpy()


def numpy_rows(image):
    colors, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    return np.stack([(image == color).all(axis=-1) for color in best(colors, counts)])


def packed_by(unique):
    def masks(image):
        packed = pack(image)
        colors, counts = unique(packed, return_counts=True)
        return np.stack([packed == color for color in best(colors, counts)])

    return masks


def in_range(image, palette):
    return np.stack([cv2.inRange(image, color, color) for color in palette])


def image_magick(picture, folder, palette):
    """A histogram, which is how its colours become known, and a program for each mask."""
    subprocess.run(["convert", picture, "-format", "%c", "histogram:info:-"], check=True, stdout=subprocess.DEVNULL)
    for index, color in enumerate(palette):
        name = "#" + bytes(color).hex()
        options = ["-alpha", "off", "-fill", "black", "+opaque", name, "-fill", "white", "-opaque", name]
        subprocess.run(["convert", picture, *options, f"{folder}/{index}.png"], check=True)
    return np.stack([np.array(Image.open(f"{folder}/{index}.png").convert("L")) for index in range(len(palette))])


def tool(program, picture, folder):
    options = ["--max-count", str(MASKS), "--min-pixels", "1", "--no-overview", "-o", folder]
    subprocess.run([program, "segment", picture, *options], check=True, stdout=subprocess.DEVNULL)
    return np.stack([np.array(Image.open(file)) for file in sorted(Path(folder).glob("mask-*.png"))])


def jobs(program, scratch) -> dict[str, Ways]:
    with Image.open(ROOT / "data" / "world-countries-antialiased-2048.png") as map_of_the_world:
        picture = map_of_the_world.convert("RGB").resize((1920, 1080), Image.Resampling.NEAREST)
    png = f"{scratch}/map.png"
    picture.save(png)
    image = np.array(picture)
    floats = image.astype(np.float32) / 255
    tensor = torch.from_numpy(floats)
    palette = best(*np.unique(image.reshape(-1, 3), axis=0, return_counts=True))
    context = ctm.Context(backend="cpu")
    (scratch / "theirs").mkdir()
    (scratch / "ours").mkdir()
    bools = dict(max_count=MASKS, mask_format="bool")
    known = dict(palette=palette, mask_format="uint8", outputs=["masks"])
    regions = dict(connected=8, outputs=["labels", "palette"], label_format="uint32")
    return {
        "floats in, masks of floats out": {
            "torch.unique, as in the node": lambda: node(tensor),
            "ctm": lambda: context.masks(floats, max_count=MASKS),
        },
        "bytes in, masks of bytes out": {
            "np.unique(axis=0)": lambda: numpy_rows(image),
            "np.unique, packed": lambda: packed_by(np.unique)(image),
            "fastremap.unique, packed": lambda: packed_by(fastremap.unique)(image),
            "ctm": lambda: context.masks(image, **bools),
        },
        "bytes in, the colours given": {
            "cv2.inRange": lambda: in_range(image, palette),
            "ctm": lambda: context.analyze(image, **known).masks,
        },
        "bytes in, labels of connected regions out": {
            "cc3d, packed": lambda: cc3d.connected_components(pack(image), connectivity=8),
            "ctm": lambda: context.analyze(image, **regions).labels,
        },
        "a PNG in, five PNGs out: programs": {
            "ImageMagick": lambda: image_magick(png, scratch / "theirs", palette),
            "ctm segment": lambda: tool(program, png, scratch / "ours"),
        },
    }


def same(first, second):
    """Whether two results are the same masks, whatever their types; of labels, the same regions by whatever numbers."""
    if first.ndim == 3:
        return np.array_equal(first > 0, second > 0)
    # 0 is cc3d's background: black, which this map does not have.
    pairs = np.unique(first.astype(np.uint64).ravel() << np.uint64(32) | second.ravel())
    return len(pairs) == len(np.unique(first)) == len(np.unique(second))


def measure(ways: Ways) -> dict[str, float]:
    """The shortest time of each way, in milliseconds."""
    results = [way() for way in ways.values()]
    for name, result in zip(ways, results):
        assert same(results[-1], result), f"{name} gives other masks"
    times: dict[str, list[float]] = {name: [] for name in ways}
    while any(len(spans) < 3 or (sum(spans) < SECONDS and len(spans) < 100) for spans in times.values()):
        for name, way in ways.items():
            if len(times[name]) < 3 or sum(times[name]) < SECONDS:
                start = time.perf_counter()
                way()
                times[name].append(time.perf_counter() - start)
    return {name: min(spans) * 1000 for name, spans in times.items()}


def written(milliseconds):
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


def draw(measured, path):
    """A bar for each way; the jobs one below the other."""
    figure, axes = plt.subplots(figsize=(9, 5.2), layout="constrained")
    place, places, names = 0.0, [], []
    for job, times in measured.items():
        axes.text(0.85, place, job, fontsize=9, color="#555555", va="center")
        place += 1
        for name, milliseconds in times.items():
            ours = name.startswith("ctm")
            axes.barh(place, milliseconds, 0.8, color="#0b6e4f" if ours else "#b9bec6")
            axes.text(milliseconds * 1.08, place, f"{written(milliseconds)} ms", va="center", fontsize=9)
            places.append(place)
            names.append(name)
            place += 1
        place += 0.4
    axes.set_xscale("log")
    axes.set_xlim(0.8, 20_000)
    axes.set_ylim(place, -0.8)
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([1, 10, 100, 1000, 10_000], ["1 ms", "10 ms", "100 ms", "1 s", "10 s"])
    axes.set_title(f"Masks of the five most frequent colours of a map, 1920 × 1080, {torch.get_num_threads()} cores", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        measured = {job: measure(ways) for job, ways in jobs(program, Path(scratch)).items()}
    packages = ["numpy", "torch", "fastremap", "opencv-python-headless", "connected-components-3d"]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    print(f"ctm {ctm.library_version()}, Python {platform.python_version()}, {versions}; {torch.get_num_threads()} threads\n")
    print("| job | way | ms | times ctm |\n| --- | --- | ---: | ---: |")
    for job, times in measured.items():
        ours = list(times.values())[-1]
        for name, milliseconds in times.items():
            print(f"| {job} | {name} | {written(milliseconds)} | {written(milliseconds / ours)} |")
    folder.mkdir(parents=True, exist_ok=True)
    draw(measured, folder / "alternatives.png")


if __name__ == "__main__":
    main()
