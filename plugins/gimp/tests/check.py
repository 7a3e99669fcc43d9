#!/usr/bin/env python3
"""Checks what the plug-in has made (see cases.scm) against masks that are found here, slowly and plainly."""

import math
import struct
import sys
from collections import Counter, namedtuple
from pathlib import Path

OUT = Path(sys.argv[1])
TYPES = {"u8": "B", "u16": "H", "u32": "I", "half": "e", "float": "f", "double": "d"}
WHITE = {"u8": 255, "u16": 65535, "u32": 2**32 - 1, "half": 1, "float": 1, "double": 1}
# What ctm works with, where tolerances apply.
UNIT = {"u8": 255, "u16": 65535, "u32": 1, "half": 1, "float": 1, "double": 1}
Drawable = namedtuple("Drawable", "raw model type channels width height x y")
Case = namedtuple("Case", "name min_pixels max_count tolerance alpha output width height masks")

problems = []


def problem(*words):
    problems.append(" ".join(str(word) for word in words))


def read(name):
    raw = (OUT / name).read_bytes()
    line, pixels = raw.split(b"\n", 1)
    encoding, *numbers = line.decode().split("|")
    model, kind = encoding.rsplit(" ", 1)
    width, height, x, y = map(int, numbers)
    channels = len(pixels) // (width * height * struct.calcsize(TYPES[kind]))
    return Drawable(pixels, model, kind, channels, width, height, x, y)


def pixels_of(drawable):
    """A bytes object for each pixel, which is what makes colours the same."""
    size = struct.calcsize(TYPES[drawable.type]) * drawable.channels
    raw = drawable.raw
    return [raw[i : i + size] for i in range(0, len(raw), size)]


def narrow(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def values_of(drawable, pixel):
    values = struct.unpack(f"{drawable.channels}{TYPES[drawable.type]}", pixel)
    if drawable.type == "u32":
        values = [narrow(value / (2**32 - 1)) for value in values]
    if drawable.type == "double":
        values = [narrow(value) for value in values]
    return tuple(value + 0.0 if isinstance(value, float) else value for value in values)


def expected(case, source, selection):
    """The labels of the source's pixels, in reading order, the masks' colours, their shares, and how many pixels have
    been looked at."""
    has_alpha = source.model.endswith("A")
    selected = [value >= half(selection) for value in scalars(selection)]
    if not any(scalars(selection)):
        selected = [True] * len(selected)
    colors = {}
    keys = []
    looked_at = 0
    for number, pixel in enumerate(pixels_of(source)):
        x, y = number % source.width + source.x, number // source.width + source.y
        if not (0 <= x < case.width and 0 <= y < case.height and selected[y * case.width + x]):
            keys.append(None)
            continue
        looked_at += 1
        if pixel not in colors:
            values = values_of(source, pixel)
            if has_alpha and case.alpha == 2 and values[-1] <= 0:
                colors[pixel] = None
            elif has_alpha and case.alpha:
                colors[pixel] = values[:-1]
            else:
                colors[pixel] = values
        keys.append(colors[pixel])
    counts = Counter(key for key in keys if key is not None)
    order = sorted((key for key in counts if counts[key] >= max(case.min_pixels, 1)), key=lambda k: (-counts[k], k))
    order = order[: case.max_count]
    label_of = {key: number + 1 for number, key in enumerate(order)}
    if case.tolerance and order:
        limit = case.tolerance * UNIT[source.type] / 255
        for key in counts:
            if key not in label_of:
                distance, label = min(
                    (math.sqrt(sum((a - b) ** 2 for a, b in zip(key, other))), number + 1)
                    for number, other in enumerate(order)
                )
                if distance <= limit:
                    label_of[key] = label
    labels = [label_of.get(key, 0) for key in keys]
    return labels, order, looked_at


def scalars(drawable):
    return struct.unpack(f"{len(drawable.raw) // struct.calcsize(TYPES[drawable.type])}{TYPES[drawable.type]}", drawable.raw)


def half(drawable):
    """The least value that counts as selected: 128 of 255."""
    return 127.5 / 255 * WHITE[drawable.type]


def hexadecimal(source, color):
    """The colour's name, for precisions with gamma."""
    levels = [math.floor(min(max(value / UNIT[source.type], 0), 1) * 255 + 0.5) for value in color]
    has_alpha = source.model.endswith("A") and len(levels) == source.channels
    alpha = levels.pop() if has_alpha else 255
    if len(levels) == 1:
        levels *= 3
    return "#" + "".join(f"{level:02x}" for level in levels + ([alpha] if alpha != 255 else []))


def check(case):
    source = read(f"{case.name}.before.1")
    after = read(f"{case.name}.after.1")
    if source != after:
        problem(case.name, "the colour map has changed")
    labels, order, looked_at = expected(case, source, read(f"{case.name}.before.2"))
    if len(order) != len(case.masks):
        problem(case.name, "has", len(case.masks), "masks instead of", len(order))
    if not order and case.name != "none":
        problem(case.name, "tests nothing")
    seen = set()
    for number, (color, name) in enumerate(zip(order, case.masks), 1):
        mask = read(f"{case.name}.after.{number + 1}")
        white = WHITE[mask.type]
        if case.output == 0:
            wanted = [0] * (case.width * case.height)
            for i, label in enumerate(labels):
                if label == number:
                    wanted[(i // source.width + source.y) * case.width + i % source.width + source.x] = white
        else:
            wanted = [white if label == number else 0 for label in labels]
            layer = read(f"{case.name}.after.{len(order) + number + 1}")
            if layer != source:
                problem(case.name, "layer", number, "is not a copy of the colour map")
        if list(scalars(mask)) != wanted:
            problem(case.name, "mask", number, "differs")
        share = f" {100 * labels.count(number) / looked_at:.2f} %"
        if "'" in source.model and source.type != "half":
            start = hexadecimal(source, color) + share
            # GIMP numbers names that are there already.
            if not name.startswith(start):
                problem(case.name, "mask", number, "is called", name, "instead of", start)
        elif share not in name:
            problem(case.name, "mask", number, "is called", name, "instead of something with", share)
        if name in seen:
            problem(case.name, "two masks are called", name)
        seen.add(name)


ERRORS = [
    "min-pixels is -1; 0 or more is expected",
    "max-count is 0; 1 to 65535 is expected",
    "max-count is 65536; 1 to 65535 is expected",
    "tolerance is -0.5; 0 or more is expected",
    "alpha is 3; 0 (part of the colour), 1 (ignored) or 2 (transparent pixels have no colour) is expected",
    "output is 2; 0 (channels) or 1 (layers) is expected",
    "is not one of image",
    "output is 1 (layers) and the drawable is a channel or a mask; a layer is expected",
    "the drawable has no pixel in the image and its selection; at least one is expected",
]


def main():
    cases, errors, channels, ended = [], [], [], False
    for line in (OUT / "cases.txt").read_text().splitlines():
        kind, *rest = line.split("|")
        if kind == "case":
            name, min_pixels, max_count, tolerance, *others = rest
            cases.append(Case(name, int(min_pixels), int(max_count), float(tolerance), *map(int, others), []))
        elif kind == "mask":
            cases[-1].masks.append(rest[0])
        elif kind == "error":
            errors.append(rest[0])
        elif kind == "channels":
            channels.append(int(rest[0]))
        elif kind == "problem":
            problem(*rest)
        ended = kind == "end"
    if not ended:
        sys.exit("gimp: the cases did not run to their end")
    for case in cases:
        check(case)
    for number in range(1, 6):
        tool = read(f"mask-00{number}.1")
        if scalars(read(f"world.after.{number + 1}")) != scalars(tool)[:: tool.channels]:
            problem("world: mask", number, "is not that of the tool")
    if not cases[0].masks[0] == "#aacde6 66.95 %":
        problem("the sea is called", cases[0].masks[0])
    if len(errors) != len(ERRORS):
        problem(len(errors), "errors instead of", len(ERRORS))
    for said, wanted in zip(errors, ERRORS):
        if wanted not in said:
            problem("wrong arguments:", repr(said), "instead of", repr(wanted))
    # After wrong arguments; from the defaults.
    if channels != [0, 5]:
        problem("there are", channels, "channels instead of [0, 5]")
    for words in problems[:30]:
        print("gimp:", words)
    if problems:
        sys.exit(f"gimp: {len(problems)} problems")
    print(f"gimp: {len(cases)} cases with {sum(len(case.masks) for case in cases)} masks, {len(errors)} wrong calls: all as expected")


main()
