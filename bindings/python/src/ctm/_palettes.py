"""Palettes as people have them: lists, dicts of names, files."""

from __future__ import annotations

import json
import numbers
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ._colors import ColorSpace
from ._errors import InvalidArgumentError, InvalidTypeError

_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"
_LINE = re.compile(rf"(?P<color>#[0-9a-fA-F]+|{_NUMBER}(?:(?:\s*,\s*|\s+){_NUMBER}(?=[\s,]|$)){{0,3}})(?:\s+(?P<name>\S.*))?")
# name:r,g,b:parts:actions, as CVAT and Datumaro write it.
_LABEL_MAP = re.compile(r"(?P<name>[^:]*):(?P<color>\d+,\d+,\d+)(?::[^:]*){0,2}")

_Pairs = list[tuple[tuple[float, ...], Optional[str]]]


def read_colors(name: str, value: Any, space: ColorSpace) -> tuple[NDArray[np.float64], list[str | None]]:
    """Colours as rows of numbers in the image's units, and their names, None where there is none."""
    if isinstance(value, (str, os.PathLike)) and not str(value).startswith("#"):
        pairs = _of_file(name, Path(value), space)
    elif isinstance(value, Mapping):
        pairs = _of_mapping(name, value, space)
    elif _is_one(value, space):
        pairs = [(space.parse(name, value), None)]
    elif not hasattr(value, "__iter__"):
        raise InvalidTypeError(f"{name} is {value!r}; a list of colours, a dict of names and colours or a file is expected")
    else:
        pairs = [(space.parse(f"{name}[{index}]", color), None) for index, color in enumerate(value)]
    _refuse_twins(name, pairs, space)
    colors = np.array([color for color, _ in pairs], np.float64).reshape(len(pairs), space.channels)
    return colors, [text for _, text in pairs]


def _refuse_twins(name: str, pairs: _Pairs, space: ColorSpace) -> None:
    seen: dict[tuple[float, ...], int] = {}
    for index, (color, text) in enumerate(pairs):
        first = seen.setdefault(color, index)
        if first != index and name == "palette":
            both = " and ".join(repr(pairs[at][1] or f"number {at}") for at in (first, index))
            shown = space.text(np.array(color))
            raise InvalidArgumentError(f"{name} has the colour {shown} twice, as {both}; each colour is expected once")


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


def _of_mapping(name: str, value: Mapping[Any, Any], space: ColorSpace) -> _Pairs:
    """{"sea": "#aacde6"}, or {"#aacde6": "sea"}, {(170, 205, 230): "sea"}, {7: "road"}."""
    by_color = all(_is_color(key) for key in value) and all(isinstance(text, str) for text in value.values())
    pairs: _Pairs = []
    for key, other in value.items():
        text, color = (other, key) if by_color else (key, other)
        if not isinstance(text, str):
            raise InvalidTypeError(f'{name} has the name {text!r}; text is expected: {{"sea": "#aacde6"}} or {{7: "road"}}')
        pairs.append((space.parse(f"{name}[{key!r}]", color), text))
    return pairs


def _of_file(name: str, path: Path, space: ColorSpace) -> _Pairs:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidArgumentError(f"{name} is {str(path)!r}, a file that cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidArgumentError(f"{name} is {str(path)!r}, which is no text; a palette's file is expected") from None
    if text.lstrip().startswith("{"):
        return _of_json(name, path, text, space)
    pairs: _Pairs = []
    is_gimp = text.startswith("GIMP Palette")
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        is_comment = line.startswith("#") and not line[1:2].isalnum()
        if not line or is_comment or (is_gimp and (number == 1 or line.startswith(("Name:", "Columns:", "#")))):
            continue
        place = f"{name}: {path}, line {number}"
        found = _LABEL_MAP.fullmatch(line) or _LINE.fullmatch(line)
        if found is None:
            raise InvalidArgumentError(f'{place}: {line!r} is no colour; "#aacde6 a name", "170 205 230 a name" or "name:170,205,230::" is expected')
        color = found["color"]
        if not color.startswith("#"):
            color = [_number(place, word) for word in re.split(r"[\s,]+", color)]
            if (is_gimp or found.re is _LABEL_MAP) and space.white is not None:
                color = [value * space.white / 255 for value in color]
        named = (found["name"] or "").strip()
        pairs.append((space.parse(place, color), named or None))
    if not pairs:
        raise InvalidArgumentError(f"{name}: {path} has no colours")
    return pairs


def _of_json(name: str, path: Path, text: str, space: ColorSpace) -> _Pairs:
    """{"sea": "#aacde6"}, or {"170,205,230": "sea"}, or {"170,205,230": {"name": "sea"}}."""
    try:
        table: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise InvalidArgumentError(f"{name}: {path} is no JSON: {error}") from None
    colors: dict[Any, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            value = value.get("name")
        numbers = re.fullmatch(r"[\d.]+(\s*,\s*[\d.]+)*", key)
        colors[tuple(_number(f"{name}: {path}", word) for word in key.split(",")) if numbers else key] = value
    return _of_mapping(f"{name}: {path}: ", colors, space)


def _number(place: str, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise InvalidArgumentError(f"{place}: {word!r} is no number") from None
