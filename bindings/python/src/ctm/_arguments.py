"""Checks of arguments that a C struct cannot hold as they are."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from ._errors import InvalidArgumentError, InvalidTypeError, NoSuchMaskError


def unsigned(name: str, value: Any, bits: int) -> int:
    """An integer that fits an unsigned field."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidTypeError(f"{name} is {value!r}; an integer is expected") from None
    if not 0 <= number < 1 << bits:
        raise InvalidArgumentError(f"{name} is {number}; 0 to {(1 << bits) - 1} is expected")
    return number


def real(name: str, value: Any) -> float:
    """A number that a field of doubles takes. `float` would take text, too."""
    try:
        if isinstance(value, (str, bytes, bytearray)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise InvalidTypeError(f"{name} is {value!r}; a number is expected") from None


def distance(name: str, value: Any) -> float:
    """A number of pixels."""
    number = real(name, value)
    if not 0 <= number < math.inf:
        raise InvalidArgumentError(f"{name} is {number:g}; a finite number of pixels, 0 or more, is expected")
    return number


def number_of(index: Any, count: int) -> int:
    """The number of one of so many masks, which may be counted from the end."""
    number = operator.index(index)
    if not -count <= number < count:
        raise NoSuchMaskError(f"there is no mask {number}; there are {count}, numbered from 0")
    return number % count


def check_type(name: str, value: Any, types: type | tuple[type, ...], expected: str) -> None:
    """Refuses what is of none of these types, and not None."""
    if value is not None and not isinstance(value, types):
        raise InvalidTypeError(f"{name} is {value!r}; {expected} is expected")


def position(name: str, value: Any) -> tuple[int, int]:
    """(left, top): a column and a row."""
    try:
        left, top = value
    except (TypeError, ValueError):
        raise InvalidArgumentError(f"{name} is {value!r}; (left, top) is expected") from None
    return unsigned(name, left, 32), unsigned(name, top, 32)


def one_of(words: Iterable[str]) -> str:
    """Words as a sentence has them: a, b or c."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def choice(name: str, value: object, choices: Mapping[Any, int]) -> int:
    """The library's number for one of several words."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise InvalidArgumentError(f"{name} is {value!r}; {one_of(map(repr, choices))} is expected") from None
