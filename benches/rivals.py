"""The same job with numpy, polars and torch, for benches/speed.

Reads one JSON object a line from standard input, answers with one a line. Only the computation is
timed: the image is loaded and converted before.

    {"load": PATH, "channels": C, "eight_bit": BOOL}           -> {}
    {"run": NAME, "max_count": K, "min_pixels": N}             -> {"ms": TIME, "masks": NUMBER}
    {"versions": true}                                         -> {"versions": TEXT}
"""

import json
import sys
import time

import numpy as np
import polars as pl


class Image:
    """The pixels in the forms that the rivals like best."""

    def __init__(self, path, channels, eight_bit):
        self.floats = np.fromfile(path, dtype=np.float32).reshape(-1, channels)
        self.channels = channels
        self.planes = np.zeros((0, 0), np.float32)
        if eight_bit:
            self.packed = pack(self.floats)
            self.frame = pl.DataFrame({"c0": self.packed})
        else:
            self.packed = None
            self.frame = pl.DataFrame({f"c{i}": np.ascontiguousarray(self.floats[:, i]) for i in range(channels)})
        self.torch_rows = None

    def reserve(self, max_count):
        """Planes that have been written before, so that no page of theirs is new."""
        if len(self.planes) < max_count:
            self.planes = np.full((max_count, len(self.floats)), 0.5, np.float32)


def pack(floats):
    """Values n/255 as one number a pixel; the first channel is the most significant, so that they sort like colours."""
    channels = floats.shape[1]
    levels = np.rint(floats * np.float32(255)).astype(np.uint8)
    bytes_of = np.zeros((len(floats), 4), np.uint8)
    bytes_of[:, 4 - channels:] = levels
    return bytes_of.view(">u4").ravel().astype(np.uint32)


def first(counts, max_count):
    """Positions of the largest counts; of equal ones those that come first."""
    return np.argsort(-counts.astype(np.int64), kind="stable")[:max_count]


def numpy_masks(image, colors):
    for plane, color in zip(image.planes, colors):
        np.equal(image.packed, color, out=plane)
    return len(colors)


def numpy_unique(image, max_count, min_pixels):
    colors, counts = np.unique(image.packed, return_counts=True)
    enough = counts >= min_pixels
    colors, counts = colors[enough], counts[enough]
    return numpy_masks(image, colors[first(counts, max_count)])


def numpy_from_floats(image, max_count, min_pixels):
    image.packed = pack(image.floats)
    return numpy_unique(image, max_count, min_pixels)


def numpy_bincount(image, max_count, min_pixels):
    counts = np.bincount(image.packed)
    colors = np.flatnonzero(counts >= max(min_pixels, 1)).astype(np.uint32)
    return numpy_masks(image, colors[first(counts[colors], max_count)])


def polars(image, max_count, min_pixels):
    names = image.frame.columns
    counts = image.frame.group_by(names).len().filter(pl.col("len") >= min_pixels)
    best = counts.sort(["len", *names], descending=[True] + [False] * len(names)).head(max_count)
    masks = []
    for index, color in enumerate(best.select(names).iter_rows()):
        same = pl.all_horizontal([pl.col(name) == pl.lit(value, image.frame.schema[name])
                                  for name, value in zip(names, color)])
        masks.append(same.cast(pl.Float32).alias(str(index)))
    return image.frame.select(masks).width if masks else 0


def torch_unique(image, max_count, min_pixels):
    import torch

    rows = image.torch_rows
    colors, counts = torch.unique(rows, dim=0, return_counts=True)
    enough = counts >= min_pixels
    colors, counts = colors[enough], counts[enough]
    order = torch.argsort(counts, descending=True, stable=True)[:max_count]
    masks = [(rows == color).all(dim=1).float() for color in colors[order]]
    return len(masks)


RIVALS = {
    "numpy unique": numpy_unique,
    "numpy bincount": numpy_bincount,
    "numpy from floats": numpy_from_floats,
    "polars": polars,
    "torch": torch_unique,
}


def versions():
    names = [f"Python {sys.version.split()[0]}", f"numpy {np.__version__}", f"polars {pl.__version__}"]
    return ", ".join(names)


def answer(question, image):
    rival = RIVALS[question["run"]]
    if rival is torch_unique and image.torch_rows is None:
        import torch

        image.torch_rows = torch.from_numpy(image.floats)
    if rival in (numpy_unique, numpy_bincount, numpy_from_floats):
        image.reserve(question["max_count"])
    start = time.perf_counter()
    masks = rival(image, question["max_count"], question["min_pixels"])
    return {"ms": (time.perf_counter() - start) * 1e3, "masks": masks}


def main():
    image = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "load" in question:
                image = None  # before the next one takes memory
                image = Image(question["load"], question["channels"], question["eight_bit"])
                result = {}
            elif "versions" in question:
                result = {"versions": versions()}
            else:
                result = answer(question, image)
        except Exception as error:  # the bench reports it in the row's place
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
