"""Files of colours: of each colour where it stands, so that errors can say so."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._colors import ColorSpace
from ._errors import InvalidArgumentError

READ = (
    'what is read are files of a colour a line ("#aacde6 sea" or "170 205 230 sea"), palettes of GIMP and of Paint Shop Pro (JASC-PAL), '
    'CVAT\'s labelmap.txt, and JSON: the output of \'ctm segment --json\', [{"color": "#aacde6", "name": "sea"}] and {"sea": "#aacde6"}'
)
_NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(rf"{_NUMBER}(?:\s*,\s*{_NUMBER})*")
_LINE = re.compile(rf"(?P<color>#[0-9a-fA-F]+|{_NUMBER}(?:(?:\s*,\s*|\s+){_NUMBER}(?=[\s,]|$)){{0,3}})(?:\s+(?P<name>\S.*))?")
# name:r,g,b:parts:actions, as CVAT and Datumaro write it.
_LABEL_MAP = re.compile(r"(?P<name>[^:]*):(?P<color>\d+,\d+,\d+)(?::[^:]*){0,2}")
# GIMP's and JASC's; Aseprite writes an alpha, too.
_BYTES = {3: re.compile(r"(?P<color>\d+\s+\d+\s+\d+)(?:\s+(?P<name>\S.*))?"), 4: re.compile(r"(?P<color>\d+\s+\d+\s+\d+\s+\d+)(?:\s+(?P<name>\S.*))?")}
# What the tool writes are 32-bit floats: so far from the integers that they were.
_ROUNDING = 0.01


@dataclass(frozen=True)
class Listed:
    """A colour of a file, as text or in the image's units."""

    # "line 3", "masks[2]" or "'sea'".
    spot: str
    color: Any
    name: str | None


def read_file(name: str, path: Path, space: ColorSpace) -> list[Listed]:
    """The colours of a file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidArgumentError(f"{name} is {str(path)!r}, a file that cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidArgumentError(f"{name} is {str(path)!r}, which is no text; {READ}") from None
    file = f"{name}: {path}"
    found = _of_json(file, text, space) if text.lstrip()[:1] in ("{", "[") else _of_lines(file, text, space)
    if not found:
        raise InvalidArgumentError(f"{file} has no colours; {READ}")
    return found


def _of_lines(file: str, text: str, space: ColorSpace) -> list[Listed]:
    lines = [line.strip() for line in text.splitlines()]
    first = lines[0] if lines else ""
    # Of JASC's a version and the number of colours follow.
    is_gimp, head = first == "GIMP Palette", {"GIMP Palette": 1, "JASC-PAL": 3}.get(first, 0)
    values = 4 if is_gimp and "Channels: RGBA" in lines else 3
    found = []
    for index, line in enumerate(lines[head:], head + 1):
        is_comment = line.startswith("#") and (is_gimp or not line[1:2].isalnum())
        if not line or is_comment or (is_gimp and line.startswith(("Name:", "Columns:", "Channels:"))):
            continue
        match = _BYTES[values].fullmatch(line) if head else _LABEL_MAP.fullmatch(line) or _LINE.fullmatch(line)
        if match is None:
            expected = '"170 205 230 a name" is expected' if head else READ
            raise InvalidArgumentError(f"{file}, line {index}: {line[:80]!r} is no colour; {expected}")
        color: Any = match["color"]
        if not color.startswith("#"):
            color = [float(word) for word in re.split(r"[\s,]+", color)]
            if head or match.re is _LABEL_MAP:
                color = _of_bytes(f"{file}, line {index}", color, space)
        named = (match["name"] or "").strip()
        found.append(Listed(f"line {index}", color, None if is_gimp and named == "Untitled" else named or None))
    return found


def _of_bytes(place: str, color: list[float], space: ColorSpace) -> list[float]:
    """0 to 255 in the image's units."""
    for value in color:
        if value > 255:
            raise InvalidArgumentError(f"{place} has the value {value:g}; 0 to 255 is expected")
    return color if space.white is None else [value * space.white / 255 for value in color]


def _of_json(file: str, text: str, space: ColorSpace) -> list[Listed]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidArgumentError(f"{file} is no JSON: {error}; {READ}") from None
    masks = _masks_of_the_tool(found)
    if masks is not None:
        # With connected regions a colour has several masks.
        listed: dict[tuple[str, str | None], Listed] = {}
        for index, mask in enumerate(masks):
            one = _of_tool(f"{file}, masks[{index}]", f"masks[{index}]", mask, space)
            listed.setdefault((str(one.color), one.name), one)
        return list(listed.values())
    if isinstance(found, list):
        return [_of_entry(f"{file}, [{index}]", f"[{index}]", entry) for index, entry in enumerate(found)]
    return _of_object(file, found)


def _masks_of_the_tool(found: Any) -> list[Any] | None:
    """The masks that `ctm segment --json` has listed, of several images those of the first."""
    if isinstance(found, dict) and isinstance(found.get("images"), list):
        found = found["images"]
    if isinstance(found, list) and found and isinstance(found[0], dict) and "masks" in found[0]:
        found = found[0]
    masks = found.get("masks") if isinstance(found, dict) else None
    return masks if isinstance(masks, list) else None


def _of_tool(place: str, spot: str, mask: Any, space: ColorSpace) -> Listed:
    """Its colours are from 0 to 1 where its image had shades as integers, else as they are stored."""
    entry = _of_entry(place, spot, mask)
    stored = mask.get("stored") if isinstance(mask, dict) else None
    if stored is not None and (space.white is None or stored == entry.color):
        return Listed(spot, _color(place, stored), entry.name)
    if space.white is None or not isinstance(entry.color, list):
        return entry
    color = [value * space.white for value in entry.color]
    if space.dtype.kind in "iu":
        whole = [round(value) if math.isfinite(value) and abs(value - round(value)) <= _ROUNDING else value for value in color]
        color = [float(value) for value in whole]
    return Listed(spot, color, entry.name)


def _of_entry(place: str, spot: str, entry: Any) -> Listed:
    """{"color": "#aacde6", "name": "sea"}, or the colour alone."""
    color, text = (entry.get("color"), entry.get("name")) if isinstance(entry, dict) else (entry, None)
    if text is not None and not isinstance(text, str):
        raise InvalidArgumentError(f"{place} has the name {text!r}; text is expected")
    return Listed(spot, _color(place, color), text)


def _of_object(file: str, found: dict[str, Any]) -> list[Listed]:
    """{"sea": "#aacde6"}, or {"170,205,230": "sea"}, or {"170,205,230": {"name": "sea"}}."""
    named = {key: value.get("name") if isinstance(value, dict) else value for key, value in found.items()}
    is_by_color = all(key.startswith("#") or _NUMBERS.fullmatch(key) for key in named) and all(isinstance(value, str) for value in named.values())
    listed = []
    for key, value in named.items():
        color, text = (key, value) if is_by_color else (value, key)
        listed.append(Listed(repr(key), _color(f"{file}, {key!r}", color), text))
    return listed


def _color(place: str, color: Any) -> Any:
    """A text such as "#aacde6", or numbers, of which the tool writes "inf" as text."""
    if isinstance(color, str) and _NUMBERS.fullmatch(color):
        return [float(word) for word in color.split(",")]
    if isinstance(color, str) and color.startswith("#"):
        return color
    values = color if isinstance(color, list) else [color]
    numbers = [float(value) if value in ("inf", "-inf") else value for value in values]
    if not numbers or not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in numbers):
        raise InvalidArgumentError(f"{place} is {str(color)[:80]!r}, which is no colour; {READ}")
    return numbers
