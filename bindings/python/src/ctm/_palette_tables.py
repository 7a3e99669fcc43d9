"""Tables of colours: CSV with a head that says what the columns are, or with rows whose fields say it; and the definition.csv of
maps of provinces."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ._errors import InvalidArgumentError
from ._color_texts import NUMBER, is_colored

_IS_NUMBER = re.compile(NUMBER).fullmatch
_COLOR = ("color", "colour", "hex", "rgb", "html", "value", "grey", "gray")
_NAME = ("name", "label", "class", "class_name", "category", "title", "x")
_ID = ("id", "province", "index", "number")
# What provinces have in place of names: placeholders, and kinds of land.
_NO_NAMES = ("x", "land", "sea", "lake")


@dataclass(frozen=True)
class Row:
    """A row with a colour."""

    line: int
    # A text such as "#aacde6", or numbers.
    color: str
    name: str | None
    # Whether the numbers are 0 to 255, whatever the image has.
    is_of_bytes: bool


@dataclass(frozen=True)
class _Columns:
    """What the columns are, from 0."""

    # One for each value, or one for all of a colour.
    color: Sequence[int]
    name: int | None = None
    # What a colour without a name is called.
    number: int | None = None
    is_of_bytes: bool = False


def delimiter_of(lines: Sequence[str], is_list: bool) -> str | None:
    """What is between the fields of a table; None where it is no table. `is_list`: the first line that says something is a colour
    and perhaps a name."""
    first = next(filter(_says_something, lines), "")
    delimiter = max(";\t,", key=first.count)
    fields = [field.strip() for field in first.split(delimiter)]
    if len(fields) < 2:
        return None
    if delimiter == ",":
        # "1,0.5,0 a name" is a line of a list, and so is "#ff8000<tab>a name".
        is_table = any(field and not _IS_NUMBER(field) for field in fields) and not is_list
    else:
        is_table = delimiter == ";" or _of_head(fields) is not None
    return delimiter if is_table else None


def _says_something(line: str) -> bool:
    return line.strip() not in ("", "#") and not line.startswith("# ")


def rows(file: str, lines: Sequence[str], delimiter: str) -> list[Row]:
    """The rows of a table that have colours."""
    first = next(filter(_says_something, lines), "").split(delimiter)
    likely = _of_head(first) or _of_row([field.strip() for field in first], delimiter)
    # A quote in a province's name is one.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if likely and likely.is_of_bytes else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=delimiter, quoting=quoting, skipinitialspace=True)
    columns: _Columns | None = None
    found, line = [], 1
    try:
        for row in reader:
            fields = [field.strip() for field in row]
            start, line = line, reader.line_num + 1
            if not any(fields) or _is_left_out(fields, columns, delimiter):
                continue
            if columns is None:
                head = _of_head(fields)
                columns = head or _of_row(fields, delimiter)
                if columns is None:
                    raise InvalidArgumentError(f"{file}, line {start}: {delimiter.join(fields)[:80]!r} has no colour")
                if head:
                    continue
            found.append(_row(f"{file}, line {start}", start, fields, columns))
    except csv.Error as error:
        raise InvalidArgumentError(f"{file}, line {line} is no row of a table: {error}") from None
    return found


def _is_left_out(fields: Sequence[str], columns: _Columns | None, delimiter: str) -> bool:
    """Whether a row is a comment, "# so it is", or one of provinces that is left out, "#2;1;1;1;gone"."""
    if fields[0] == "#" or fields[0].startswith("# "):
        return True
    if columns is None:
        of_provinces = delimiter == ";" and len(fields) > 3 and all(map(_IS_NUMBER, fields[1:4]))
    else:
        of_provinces = columns.number == 0
    return of_provinces and fields[0].startswith("#")


def _of_head(fields: Sequence[str]) -> _Columns | None:
    words = [field.strip().lstrip("#").strip().lower() for field in fields]

    def find(*names: str) -> int | None:
        return next((place for place, word in enumerate(words) if word in names), None)

    channels = [find("r", "red"), find("g", "green"), find("b", "blue")]
    color = [place for place in (*channels, find("a", "alpha")) if place is not None]
    if None in channels:
        one = find(*_COLOR)
        if one is None:
            return None
        color = [one]
    name, number = find(*_NAME), find(*_ID)
    return _Columns(color, name if name != number else None, number, words[0] in ("province", "provid"))


def _of_row(fields: Sequence[str], delimiter: str) -> _Columns | None:
    leading = _numbers_at_start(fields)
    # A number, three values and a name, as games have them.
    if delimiter == ";" and leading >= 4 and len(fields) > 4:
        return _Columns((1, 2, 3), 4, 0, True)
    if leading >= 3:
        return _Columns(range(min(leading, 4)), leading if len(fields) > leading else None)
    for place, field in enumerate(fields):
        if not _IS_NUMBER(field) and is_colored(field):
            return _Columns([place], next((other for other in range(len(fields)) if other != place), None))
    behind = _numbers_at_start(fields[1:])
    return _Columns(range(1, 1 + min(behind, 4)), 0) if behind >= 3 else None


def _numbers_at_start(fields: Sequence[str]) -> int:
    return next((place for place, field in enumerate(fields) if not _IS_NUMBER(field)), len(fields))


def _row(place: str, line: int, fields: Sequence[str], columns: _Columns) -> Row:
    def field(column: int | None) -> str:
        return fields[column] if column is not None and column < len(fields) else ""

    for column in columns.color:
        if not field(column):
            raise InvalidArgumentError(f"{place}: column {column + 1} is empty, where a colour's value is expected")
    name = field(columns.name)
    if columns.number is not None and name in _NO_NAMES:
        name = ""
    return Row(line, ",".join(map(field, columns.color)), name or field(columns.number) or None, columns.is_of_bytes)
