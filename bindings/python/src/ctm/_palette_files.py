"""Files of colours: of each colour where it stands, so that errors can say so."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ._color_texts import NUMBER, are_numbers, parse
from ._colors import ColorSpace
from ._errors import InvalidArgumentError, InvalidTypeError
from ._palette_tables import Row, delimiter_of, rows
from ._pillow import open_image

READ = (
    'what is read are files of a colour a line ("#aacde6 sea", "navy sea" or "170 205 230 sea"), CSV, the definition.csv of maps of provinces, '
    "palettes of GIMP and of Paint Shop Pro (JASC-PAL), CVAT's labelmap.txt, images, and JSON: the output of 'ctm segment --json', "
    '[{"color": "#aacde6", "name": "sea"}] and {"sea": "#aacde6"}'
)
_LINE = re.compile(
    rf"(?P<color>#[0-9a-fA-F]+|{NUMBER}(?:(?:\s*,\s*|\s+){NUMBER}(?=[\s,]|$)){{0,3}}|\([^()]*\)|[0-9a-zA-Z]+)(?:,?\s+(?P<name>\S.*))?"
)
# name:r,g,b:parts:actions, as CVAT and Datumaro write it.
_LABEL_MAP = re.compile(r"(?P<name>[^:]*):\s*(?P<color>\d+\s*,\s*\d+\s*,\s*\d+)\s*(?::[^:]*){0,2}")
# GIMP's and JASC's; Aseprite writes an alpha, too.
_BYTES = {3: re.compile(r"(?P<color>\d+\s+\d+\s+\d+)(?:\s+(?P<name>\S.*))?"), 4: re.compile(r"(?P<color>\d+\s+\d+\s+\d+\s+\d+)(?:\s+(?P<name>\S.*))?")}
# An image of more colours is no palette.
_MOST_COLORS = 65_536
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
        data = path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"{name} is {str(path)!r}, a file that cannot be read: {error.strerror}") from None
    file = f"{name}: {path}"
    if b"\0" in data:
        found = _of_image(name, path, space)
    else:
        text = _decoded(data)
        found = _of_json(file, text, space) if text.lstrip()[:1] in ("{", "[") else _of_text(file, text, space)
    if not found:
        raise InvalidArgumentError(f"{file} has no colours; {READ}")
    return [replace(one, color=_without_alpha(f"{file}, {one.spot}", one.color, space)) for one in found]


def _decoded(data: bytes) -> str:
    """UTF-8, or the Latin-1 that provinces of old games have."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _without_alpha(place: str, color: Any, space: ColorSpace) -> Any:
    """A colour of an opaque alpha, where the image's colours have none, without it."""
    if isinstance(color, str) or space.white is None or space.channels not in (1, 3) or len(color) != space.channels + 1:
        return color
    if color[-1] != space.white:
        raise InvalidArgumentError(f"{place} has the alpha {color[-1]:g}, and the image's colours have none; {space.white:g}, which is opaque, is expected")
    return color[:-1]


def _of_image(name: str, path: Path, space: ColorSpace) -> list[Listed]:
    """The colours of an image, in the order in which they come."""
    from ._shared import default_context  # A context segments, which reads palettes.

    try:
        image = open_image(name, path)
    except InvalidTypeError:
        raise
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{error}; {READ}") from None
    found = default_context().segment(image, max_count=_MOST_COLORS + 1)
    if len(found) > _MOST_COLORS:
        raise InvalidArgumentError(f"{name} is {str(path)!r}, an image of more than {_MOST_COLORS} colours, which no palette has")
    return [Listed(f"column {x}, row {y}", color, None) for (x, y), color in found._first_colors(space.white)]


def _of_text(file: str, text: str, space: ColorSpace) -> list[Listed]:
    lines = re.split(r"\r\n|\n|\r", text)
    delimiter = None
    if not _is_of_cvat(lines):
        first = next((line.strip() for line in lines if line.strip() and not _is_comment(line.strip())), "")
        delimiter = delimiter_of(lines, _in_list(first, space) is not None)
    if delimiter is None:
        return _of_lines(file, lines, space)
    return [_of_row(file, row, space) for row in rows(file, lines, delimiter)]


def _of_row(file: str, row: Row, space: ColorSpace) -> Listed:
    spot = f"line {row.line}"
    color = parse(row.color, space)
    if color is None:
        raise InvalidArgumentError(f"{file}, {spot}: {row.color[:80]!r} is no colour; {READ}")
    if row.is_of_bytes and not isinstance(color, str):
        color = _of_bytes(f"{file}, {spot}", color, space)
    return Listed(spot, color, row.name)


def _is_of_cvat(lines: list[str]) -> bool:
    """Whether the first line is one of CVAT's, or another one is with all that belongs to it."""
    said = [line.strip() for line in lines if line.strip() and not _is_comment(line.strip())]
    is_whole = any(line.count(":") == 3 and _LABEL_MAP.fullmatch(line) for line in said)
    return is_whole or bool(said and _LABEL_MAP.fullmatch(said[0])) or lines[0].startswith("# label:color_rgb:")


def _is_comment(line: str) -> bool:
    return line.startswith("#") and not line[1:2].isalnum()


def _in_list(line: str, space: ColorSpace) -> tuple[Any, str] | None:
    """A line's colour and name."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    text = match["color"]
    color = parse(text, space)
    if color is None and not text.startswith("("):
        words = re.split(r"[\s,]+", text)
        color = [float(word) for word in words] if all(map(are_numbers, words)) else None
    return None if color is None else (color, match["name"] or "")


def _of_lines(file: str, given: list[str], space: ColorSpace) -> list[Listed]:
    lines = [line.strip() for line in given]
    # Of JASC's a version and the number of colours follow.
    head = {"GIMP Palette": 1, "JASC-PAL": 3}.get(lines[0], 0)
    values = 4 if lines[0] == "GIMP Palette" and "Channels: RGBA" in lines else 3
    found = []
    for index, line in enumerate(lines[head:], head + 1):
        is_comment = line.startswith(("#", "Name:", "Columns:", "Channels:")) if head else _is_comment(line)
        if not line or is_comment:
            continue
        place = f"{file}, line {index}"
        of_bytes = _BYTES[values].fullmatch(line) if head else _LABEL_MAP.fullmatch(line)
        one: tuple[Any, str] | None
        if of_bytes is None:
            one = None if head else _in_list(line, space)
        else:
            numbers = [float(word) for word in re.split(r"[\s,]+", of_bytes["color"])]
            one = _of_bytes(place, numbers, space), of_bytes["name"] or ""
        if one is None:
            expected = f'"{" ".join(("170", "205", "230", "255")[:values])} a name" is expected' if head else READ
            raise InvalidArgumentError(f"{place}: {line[:80]!r} is no colour; {expected}")
        named = one[1].strip()
        found.append(Listed(f"line {index}", one[0], None if head and named == "Untitled" else named or None))
    if lines[0] == "JASC-PAL":
        _check_count(file, lines[2] if len(lines) > 2 else "", len(found))
    return found


def _check_count(file: str, said: str, count: int) -> None:
    if not re.fullmatch(r"\+?[0-9]+", said):
        raise InvalidArgumentError(f"{file}, line 3: {said!r} is no number of colours")
    if int(said) != count:
        raise InvalidArgumentError(f"{file}, line 3: says {int(said)} colours; there are {count}")


def _of_bytes(place: str, color: list[float], space: ColorSpace) -> list[float]:
    """0 to 255 in the image's units."""
    for value in color:
        if not 0 <= value <= 255 or value % 1:
            raise InvalidArgumentError(f"{place} has the value {value:g}; a whole number from 0 to 255 is expected")
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
        return [_of_entry(f"{file}, [{index}]", f"[{index}]", entry, space) for index, entry in enumerate(found)]
    return _of_object(file, found, space)


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
    entry = _of_entry(place, spot, mask, space)
    stored = mask.get("stored") if isinstance(mask, dict) else None
    if stored is not None and (space.white is None or stored == entry.color):
        return Listed(spot, _color(place, stored, space), entry.name)
    if space.white is None or not isinstance(entry.color, list):
        return entry
    color = [value * space.white for value in entry.color]
    if space.dtype.kind in "iu":
        whole = [round(value) if math.isfinite(value) and abs(value - round(value)) <= _ROUNDING else value for value in color]
        color = [float(value) for value in whole]
    return Listed(spot, color, entry.name)


def _of_entry(place: str, spot: str, entry: Any, space: ColorSpace) -> Listed:
    """{"color": "#aacde6", "name": "sea"}, or the colour alone."""
    color, text = (entry.get("color"), entry.get("name")) if isinstance(entry, dict) else (entry, None)
    if isinstance(entry, dict) and "color" not in entry:
        raise InvalidArgumentError(f'{place} has no "color"; {READ}')
    if text is not None and not isinstance(text, str):
        raise InvalidArgumentError(f"{place} has the name {text!r}; text is expected")
    return Listed(spot, _color(place, color, space), text)


def _of_object(file: str, found: dict[str, Any], space: ColorSpace) -> list[Listed]:
    """{"sea": "#aacde6"}, or {"170,205,230": "sea"}, or {"170,205,230": {"name": "sea"}}."""
    named = {key: value.get("name") if isinstance(value, dict) else value for key, value in found.items()}
    is_by_color = all(key.startswith("#") or are_numbers(key) for key in named) and all(isinstance(value, str) for value in named.values())
    listed = []
    for key, value in named.items():
        color, text = (key, value) if is_by_color else (value, key)
        listed.append(Listed(repr(key), _color(f"{file}, {key!r}", color, space), text))
    return listed


def _color(place: str, color: Any, space: ColorSpace) -> Any:
    """A text such as "#aacde6", or numbers, of which the tool writes "inf" as text."""
    if isinstance(color, str) and color not in ("inf", "-inf"):
        parsed = parse(color.strip(), space)
        if parsed is None:
            raise InvalidArgumentError(f"{place} is {color[:80]!r}, which is no colour; {READ}")
        return parsed
    values = color if isinstance(color, list) else [color]
    numbers = [float(value) if value in ("inf", "-inf") else value for value in values]
    if not numbers or not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in numbers):
        raise InvalidArgumentError(f"{place} is {json.dumps(color)[:80]}, which is no colour; {READ}")
    return numbers
