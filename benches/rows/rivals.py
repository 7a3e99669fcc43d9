"""What others take for the jobs of benches/rows, and what ctm's Python package and tool take:

    python rivals.py [--quick] [--filter TEXT] LIBCTM TOOL IMAGES JSON

IMAGES is a folder of raw bytes RGB that the program `rows` has written, JSON its figures, which the ones from here join.
Each way must give the right result before it is timed. What a rival needs of an image (one number a pixel) is made before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cc3d
import ctm
import cv2
import fastremap
import numpy as np
import pandas as pd
import polars as pl
import skimage.measure
from PIL import Image


class Rows:
    """Rows as the program `rows` writes them."""

    def __init__(self, wanted: str, quick: bool):
        self.wanted, self.quick, self.rows = wanted, quick, []
        self.seconds = 0.1 if quick else 1

    def wants(self, road: str, name: str) -> bool:
        return not self.wanted or (road == self.wanted if self.wanted.isdigit() else self.wanted in name)

    def add(self, road: str, name: str, figures: list[float], unit: str = "ms", goals: tuple[tuple[float, str], ...] = ()):
        figures = sorted(figures)
        best, median = figures[0], figures[len(figures) // 2]
        goal_list = [{"limit": limit, "base": base, "ratio": 0} for limit, base in goals]
        self.rows.append(dict(road=road, name=name, unit=unit, best=best, median=median, goals=goal_list))
        print(f"{road:3} {name:50} {best:9.4g} {median:9.4g}{' MB' if unit == 'MB' else ''}", flush=True)

    def time(self, road: str, name: str, way: Callable[[], Any], check: Callable[[Any], bool], goals=()):
        """The way's times, after its result was found right."""
        if not self.wants(road, name):
            return
        assert check(way()), f"{name}: the result is wrong"
        times: list[float] = []
        while len(times) < 3 or (sum(times) < self.seconds * 1e3 and len(times) < 200):
            start = time.perf_counter()
            way()
            times.append((time.perf_counter() - start) * 1e3)
            if times[0] > 2000:
                break
        self.add(road, name, times, goals=goals)


def load(folder: Path, name: str) -> np.ndarray:
    (file,) = folder.glob(f"{name}-*x*.rgb")
    width, height = map(int, file.stem.rsplit("-", 1)[1].split("x"))
    return np.fromfile(file, np.uint8).reshape(height, width, 3)


def pack(image: np.ndarray) -> np.ndarray:
    """One number a pixel; none is 0, which cc3d takes for background."""
    return (image[..., 0].astype(np.uint32) << 16 | image[..., 1].astype(np.uint32) << 8 | image[..., 2]) + 1


def relabelled(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two label maps are the same up to the numbers."""
    first, second = first.ravel(), second.ravel()
    pairs = pd.unique(first.astype(np.uint64) << np.uint64(32) | second.astype(np.uint64))
    return len(pairs) == len(pd.unique(first)) == len(pd.unique(second))


def lists_of_all_colors(rows: Rows, folder: Path):
    for name in ("photo",) if rows.quick else ("photo", "different"):  # the second takes half a minute
        shown = "all different" if name == "different" else name
        if not any(rows.wants("13", f"{rival}: {shown}, ") for rival in ("OpenCV", "polars", "pandas", "fastremap")):
            continue
        image = load(folder, name)
        packed = pack(image).ravel()
        colors, counts = np.unique(packed, return_counts=True)

        def right(found_colors, found_counts, colors=colors, counts=counts):
            order = np.argsort(found_colors)
            return np.array_equal(found_colors[order], colors) and np.array_equal(found_counts[order], counts)

        def labels(found, packed=packed):
            return relabelled(found, packed)

        frame, series = pl.DataFrame({"color": packed}), pd.Series(packed)
        if name == "photo":
            bins, span = [256] * 3, [0, 256] * 3
            rows.time("13", f"OpenCV: {shown}, calcHist", lambda: cv2.calcHist([image], [0, 1, 2], None, bins, span),
                      lambda found: right(np.flatnonzero(found) + 1, found[found > 0].astype(np.int64)))
        rows.time("13", f"polars: {shown}, group_by", lambda: frame.group_by("color").len(),
                  lambda found: right(found["color"].to_numpy(), found["len"].to_numpy()))
        rows.time("13", f"pandas: {shown}, groupby size", lambda: series.groupby(series, sort=False).size(),
                  lambda found: right(found.index.to_numpy(), found.to_numpy()))
        rows.time("13", f"pandas: {shown}, factorize", lambda: pd.factorize(packed)[0], labels)
        rows.time("13", f"fastremap: {shown}, unique", lambda: fastremap.unique(packed, return_counts=True),
                  lambda found: right(*found))
        rows.time("13", f"fastremap: {shown}, renumber", lambda: fastremap.renumber(packed)[0], labels)


def regions(rows: Rows, folder: Path):
    context = ctm.Context(backend="cpu")
    for image_name, shown in (("noise-fhd-16", "noise-16, full HD"), ("flat-16", "flat-16")):
        image = load(folder, image_name)
        packed = pack(image)
        for sides in (4, 8):
            name = f"{shown}, regions by {sides}"
            if not rows.wants("15", f"cc3d: {name}"):
                continue
            wanted = dict(connected=sides, outputs=["labels"], label_format="uint32")
            ours = context.analyze(image, **wanted).labels

            def right(found, ours=ours):
                return relabelled(found, ours)

            rows.time("15", f"cc3d: {name}", lambda: cc3d.connected_components(packed, connectivity=sides), right)
            rows.time("15", f"scikit-image: {name}",
                      lambda: skimage.measure.label(packed, connectivity=sides // 4, background=0), right)


def binding(rows: Rows, folder: Path):
    image = load(folder, "flat-16")
    context = ctm.Context(backend="cpu")
    colors, counts = np.unique(pack(image), return_counts=True)
    best = colors[np.argsort(-counts, kind="stable")[:5]]
    rows.time("1", "Python: flat-16, masks", lambda: context.masks(image, max_count=5, mask_format="uint8"),
              lambda masks: np.array_equal(masks > 0, np.stack([pack(image) == color for color in best])),
              goals=((4, "flat-16, masks"),))


def tool(rows: Rows, folder: Path, program: Path):
    jobs = (("flat-16", "five masks and the overview", [], 5, 120),
            ("provinces", "cropped masks of all", ["--cropped", "--max-count", "5000", "--min-pixels", "1"], None, 1500))
    for image_name, shown, options, masks, goal in jobs:
        name = f"the tool: {image_name}, a PNG, {shown}"
        if not rows.wants("19", name):
            continue
        image = load(folder, image_name)
        expected = masks or len(np.unique(pack(image)))
        with tempfile.TemporaryDirectory() as scratch:
            png, out = f"{scratch}/map.png", f"{scratch}/out"
            Image.fromarray(image).save(png)
            command = [program, "segment", png, "--backend", "cpu", "-o", out, *options]

            def right(_, out=out, image=image, expected=expected):
                files = sorted(Path(out).glob("mask-*.png"))
                color = np.array(list(bytes.fromhex(files[0].stem[-6:])), np.uint8)
                pixels = np.count_nonzero(np.array(Image.open(files[0])))
                return len(files) == expected and pixels == np.count_nonzero((image == color).all(axis=-1))

            rows.time("19", name, lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), right,
                      goals=((goal, ""),))


def size(rows: Rows, library: Path):
    if not rows.wants("20", "libctm.so, stripped"):
        return
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, library], check=True)
        megabytes = Path(stripped.name).stat().st_size / 1e6
    rows.add("20", "libctm.so, stripped", [megabytes], unit="MB", goals=((4, ""),))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--filter", default="")
    for name in ("library", "tool", "images", "json"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    rows = Rows(options.filter, options.quick)
    if rows.wants("1", "Python: flat-16, masks"):
        binding(rows, options.images)
    lists_of_all_colors(rows, options.images)
    regions(rows, options.images)
    tool(rows, options.images, options.tool.resolve())
    size(rows, options.library)
    known = json.loads(options.json.read_text())
    options.json.write_text(json.dumps(known + rows.rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
