"""The recipes of docs/recipes.md: whether both of each give the same, and how long they take.

python recipes.py            checks and measures all of them, and prints the table of the page
python recipes.py --update   writes it there, too

Runs of the two alternate; a time is the shortest of its runs, since other programs on the machine only ever add to it.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctm
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/recipes.md"
SECONDS = 3  # for both of a recipe, but at least three runs of each
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"

WORLD = np.array(Image.open(ROOT / "data/world-countries-2048.png").convert("RGB"))
COLORS, _inverse = np.unique(WORLD.reshape(-1, 3), axis=0, return_inverse=True)
PLACES = _inverse.reshape(WORLD.shape[:2])


def _equal(one: Any, other: Any) -> None:
    np.testing.assert_equal(np.asarray(one), np.asarray(other))


def _equal_up_to_numbers(one: Any, other: Any) -> None:
    """Label maps that have the same regions, and 0 where the other has 0, whatever the regions' numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]).astype(np.int64), axis=1)
    assert len(pairs[0]) == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))
    assert ((pairs[0] == 0) == (pairs[1] == 0)).all()


def unpaint() -> tuple[tuple[Any, ...], Callable[[Any, Any], None]]:
    classes = {tuple(color.tolist()): place % 20 + 1 for place, color in enumerate(COLORS[:-1])}
    return (np.ascontiguousarray(WORLD[..., ::-1]), classes, 0), _equal


def unique() -> tuple[tuple[Any, ...], Callable[[Any, Any], None]]:
    def same(before: Any, after: Any) -> None:
        for one, other in zip(before, after):
            _equal(one, other)

    return (WORLD,), same


def fastremap() -> tuple[tuple[Any, ...], Callable[[Any, Any], None]]:
    def same(before: Any, after: Any) -> None:
        counts = dict(zip(before[0].tolist(), before[1].tolist()))
        del counts[0]
        assert counts == dict(zip(after[0].tolist(), after[1].tolist()))
        _equal_up_to_numbers(before[2], after[2])
        assert after[2].dtype == np.uint8
        labels = PLACES.ravel()
        for number in range(len(COLORS)):
            at = np.argmax(labels == number)
            key = number * 1001
            assert before[2].flat[at] == before[3].get(key, 0) and after[2].flat[at] == after[3].get(key, 0)

    return (PLACES * 1001,), same


def in_range() -> tuple[tuple[Any, ...], Callable[[Any, Any], None]]:
    colors, counts = np.unique(WORLD.reshape(-1, 3), axis=0, return_counts=True)
    frequent = colors[np.argsort(-counts, kind="stable")].astype(int)
    apart: list[Any] = []  # so that no pixel is near two of them
    for color in frequent:
        if all(abs(color - other).max() > 8 for other in apart):
            apart.append(color)
    return (WORLD, np.array(apart[:20]), 4), _equal


def regionprops() -> tuple[tuple[Any, ...], Callable[[Any, Any], None]]:
    def same(before: Any, after: Any) -> None:
        _equal_up_to_numbers(before[0], after[0])
        place = np.zeros(len(after[1]["area"]) + 1, int)
        place[after[0].ravel()] = before[0].ravel()
        order = place[1:] - 1
        table = before[1]
        _equal(table["area"][order], after[1]["area"])
        _equal(np.stack([table[f"bbox-{side}"] for side in range(4)], 1)[order], after[1]["bbox"])
        np.testing.assert_allclose(np.stack([table["centroid-0"], table["centroid-1"]], 1)[order], after[1]["centroid"])

    return (PLACES,), same


def carla() -> tuple[tuple[Any, ...], Callable[[Any, Any], None]]:
    number = PLACES * 301
    bgra = np.stack([number >> 8, number & 255, PLACES % 29, np.full_like(number, 255)], axis=2).astype(np.uint8)
    return (bgra, (12, 14, 15, 18)), lambda before, after: _equal_lists(before, after, lambda one: one[:2])


def panoptic() -> tuple[tuple[Any, ...], Callable[[Any, Any], None]]:
    def same(before: Any, after: Any) -> None:
        _equal(before[0], after[0])
        _equal_lists(before[1], after[1], lambda one: one["id"])

    return (WORLD,), same


def _equal_lists(one: list[Any], other: list[Any], key: Callable[[Any], Any]) -> None:
    assert len(one) > 5 and sorted(one, key=key) == sorted(other, key=key)


# In the order of the page: arguments, and how the results of the two are compared.
RECIPES = [unpaint, unique, fastremap, in_range, regionprops, carla, panoptic]
PACKAGES = ["numpy", "datumaro", "fastremap", "opencv-python-headless", "scikit-image"]


def sections() -> dict[str, dict[str, Any]]:
    """The page's sections, each with its two functions."""
    first, *others = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    code = re.compile(r"```python\n(.*?)```", re.DOTALL)
    found = {}
    for text in others:
        title = text.partition("\n")[0]
        names: dict[str, Any] = {}
        for block in code.findall(first) + code.findall(text):
            exec(block, names)
        found[title] = names
    return found


def shortest(ways: list[Callable[[], Any]]) -> list[float]:
    """The shortest time of each, in seconds."""
    times: list[list[float]] = [[] for _ in ways]
    end = time.perf_counter() + SECONDS
    while len(times[0]) < 3 or time.perf_counter() < end:
        for way, taken in zip(ways, times):
            start = time.perf_counter()
            way()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def main() -> None:
    lines = ["| recipe | before | after | ratio |", "| --- | --: | --: | --: |"]
    for (title, names), recipe in zip(sections().items(), RECIPES):
        arguments, compare = recipe()
        compare(names["before"](*arguments), names["after"](*arguments))
        before, after = shortest([lambda: names["before"](*arguments), lambda: names["after"](*arguments)])
        lines.append(f"| {title} | {before * 1000:.1f} ms | {after * 1000:.1f} ms | {before / after:.1f} |")
        print(lines[-1], file=sys.stderr)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    lines.append(f"\nctm {ctm.__version__} on {os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}, {versions}.\n")
    table = "\n".join(lines)
    print(table)
    if "--update" in sys.argv:
        text = PAGE.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        PAGE.write_text(head + BEGIN + "\n" + table + "\n" + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
