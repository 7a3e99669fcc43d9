"""Palettes as people have them: lists, dicts of names, files."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._colors import ColorSpace
from ._errors import InvalidArgumentError, InvalidTypeError
from ._ids import LEAST, MOST
from ._palette_files import read_file


class _Entry(NamedTuple):
    color: tuple[float, ...]
    name: str | None
    # As errors call it: "palette[0]", "palette: map.txt, line 3".
    place: str
    # As errors call it beside another of the same colour.
    spot: str


def read_colors(name: str, value: Any, space: ColorSpace) -> tuple[NDArray[np.float64], list[str | None]]:
    """Colours as rows of numbers in the image's units, and their names, None where there is none."""
    what = name
    if isinstance(value, (str, os.PathLike)) and not str(value).startswith("#"):
        what = f"{name}: {value}"
        listed = read_file(name, Path(value), space)
        entries = [_entry(space, f"{what}, {one.spot}", one.color, one.name, one.spot) for one in listed]
    elif isinstance(value, Mapping):
        entries = _of_mapping(name, value, space)
    elif _is_one(value, space):
        entries = [_entry(space, name, value)]
    elif not hasattr(value, "__iter__"):
        raise InvalidTypeError(f"{name} is {value!r}; a list of colours, a dict of names and colours or a file is expected")
    else:
        entries = [_entry(space, f"{name}[{index}]", color, None, f"'number {index}'") for index, color in enumerate(value)]
    for entry in entries:
        _refuse_beyond(entry, space)
    if name == "palette":
        _refuse_twins(what, entries, space)
    colors = np.array([entry.color for entry in entries], np.float64).reshape(len(entries), space.channels)
    return colors, [entry.name for entry in entries]


def _entry(space: ColorSpace, place: str, color: Any, text: str | None = None, spot: str = "") -> _Entry:
    return _Entry(space.parse(place, color), text, place, spot)


def _refuse_beyond(entry: _Entry, space: ColorSpace) -> None:
    """Refuses what no pixel of the image's type can be, before the library does, which knows no files. What no pixel of this
    image is gets an empty mask."""
    if space.dtype.kind in "iu":
        least, most = int(np.iinfo(space.dtype).min), int(np.iinfo(space.dtype).max)
        if space.ids:
            least, most = max(least, LEAST), min(most, MOST)
        fits = [least <= value <= most and value % 1 == 0 for value in entry.color]
        expected = f"a whole number from {least} to {most}"
    else:
        fits = [True] * len(entry.color)
        expected = ""
    if all(fits) and not space.ids:
        expected = "a number that a 32-bit float can hold"
        largest = float(np.finfo(np.float32).max)
        fits = [abs(value) <= largest or math.isinf(value) for value in entry.color]
        if space.dtype.kind in "iu":
            fits = [fit and float(np.float32(value)) == value for fit, value in zip(fits, entry.color)]
    if not all(fits):
        value = entry.color[fits.index(False)]
        raise InvalidArgumentError(f"{entry.place} has the value {value:.10g}; {expected} is expected for {space.dtype} pixels")


def _refuse_twins(what: str, entries: list[_Entry], space: ColorSpace) -> None:
    seen: dict[tuple[float, ...], _Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.color, entry)
        if first is not entry:
            shown = space.text(np.array(entry.color))
            raise InvalidArgumentError(f"{what} has the colour {shown} twice, as {first.spot} and {entry.spot}; each colour is expected once")


def _is_one(value: Any, space: ColorSpace) -> bool:
    """Whether it is a colour where a list of them is expected: "#aacde6", 7, or (170, 205, 230)."""
    if isinstance(value, (str, numbers.Number)):
        return True
    try:
        return space.channels > 1 and len(value) > 0 and all(isinstance(number, numbers.Number) for number in value)
    except TypeError:
        return False


def _is_color(value: Any) -> bool:
    return not isinstance(value, str) or value.startswith("#")


def _of_mapping(name: str, value: Mapping[Any, Any], space: ColorSpace) -> list[_Entry]:
    """{"sea": "#aacde6"}, or {"#aacde6": "sea"}, {(170, 205, 230): "sea"}, {7: "road"}."""
    by_color = all(_is_color(key) for key in value) and all(isinstance(text, str) for text in value.values())
    entries = []
    for key, other in value.items():
        text, color = (other, key) if by_color else (key, other)
        if not isinstance(text, str):
            raise InvalidTypeError(f'{name} has the name {text!r}; text is expected: {{"sea": "#aacde6"}} or {{7: "road"}}')
        entries.append(_entry(space, f"{name}[{key!r}]", color, text, repr(text)))
    return entries
