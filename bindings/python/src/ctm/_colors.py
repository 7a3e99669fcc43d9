"""Colours as people write them: "#aacde6", numbers in an image's units, the number of an id."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._color_names import hexadecimal
from ._errors import InvalidArgumentError, InvalidTypeError

_HEX = re.compile(r"#([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")


@dataclass(frozen=True)
class ColorSpace:
    """What a colour of an image is made of."""

    # Values of a colour: the channels, without an alpha that is no part of it.
    channels: int
    # As the image has its values.
    dtype: np.dtype[Any]
    # What 255 of "#ff0000" is in the image's units; None where hexadecimal colours mean nothing.
    white: float | None
    # The type of ids that the library reads, "uint32" or "int32", if these are ids.
    ids: str | None
    # Whether pixels have an axis of channels, so that colours have one, too.
    is_list: bool

    def numbers(self, entries: NDArray[Any]) -> NDArray[Any]:
        """The colours of palette entries, (masks, 4): as 32-bit floats, or where they are ids as 64-bit ones."""
        colors: NDArray[Any] = entries["color"] if self.ids is None else entries["stored"].view(self.ids).astype(np.float64)
        return colors

    def values(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Colours as the image has its pixels, from rows of numbers."""
        values = numbers[:, : self.channels].astype(self.dtype)
        return values if self.is_list else values[:, 0]

    def parse(self, name: str, value: Any) -> tuple[float, ...]:
        """A colour's values, in the image's units."""
        if isinstance(value, str):
            return self._parse_text(name, value)
        try:
            row = np.atleast_1d(np.asarray(value))
        except ValueError:
            row = np.zeros(0, object)
        if row.ndim != 1 or row.dtype.kind not in "biuf":
            raise InvalidTypeError(f'{name} is {value!r}; a colour is expected: "#aacde6", or {self._numbers()}')
        numbers = tuple(row.tolist())
        if len(numbers) == 3 and self.channels == 4 and self.white is not None:
            numbers = (*numbers, self.white)
        if len(numbers) != self.channels:
            raise InvalidArgumentError(f"{name} is {value!r}; {self._numbers()} expected")
        return numbers

    def _numbers(self) -> str:
        opaque = " (3: opaque)" if self.channels == 4 and self.white is not None else ""
        return f"{self.channels} number{'s' * (self.channels > 1)}{opaque} for {self.dtype} pixels are"

    def _parse_text(self, name: str, text: str) -> tuple[float, ...]:
        digits = hexadecimal(text) or text
        if not _HEX.fullmatch(digits):
            raise InvalidArgumentError(f'{name} is {text!r}; a colour such as "#aacde6", "#ace", "#aacde6ff" or "navy" is expected')
        if self.white is None:
            raise InvalidArgumentError(f"{name} is {text!r}, and the image has values of type {self.dtype}; {self._numbers()} expected")
        digits = digits[1:]
        if len(digits) < 6:
            digits = "".join(digit * 2 for digit in digits)
        red, green, blue, *alpha = bytes.fromhex(digits)
        numbers = [red, green, blue]
        if self.channels == 4:
            numbers += alpha or [255]
        elif alpha and alpha != [255]:
            raise InvalidArgumentError(f"{name} is {text!r}, and the image has no alpha; #{digits[:6]} is expected")
        elif self.channels < 3:
            if not red == green == blue or self.channels == 2:
                raise InvalidArgumentError(f"{name} is {text!r}, and the image has {self.channels} channel{'s' * (self.channels > 1)}; {self._numbers()} expected")
            numbers = [red]
        # In one division, so that floats are those of an image of bytes that was divided by 255.
        return tuple(number * self.white / 255 for number in numbers)

    def hexadecimal(self, color: Iterable[Any]) -> str | None:
        """A colour as "#aacde6", None where it cannot be written so."""
        if self.white is None or self.channels < 3:
            return None
        numbers = []
        for value in color:
            scaled = float(value) * 255 / self.white
            number = round(scaled) if math.isfinite(scaled) else -1
            if not 0 <= number <= 255 or not np.isclose(scaled, number, rtol=0, atol=1e-4):
                return None
            numbers.append(number)
        if numbers[3:] == [255]:
            del numbers[3]
        return "#" + bytes(numbers).hex()

    def text(self, color: Any) -> str:
        """A colour as people write it: "#aacde6", "26001", "0.5, 0.25, 0"."""
        row = np.atleast_1d(color)
        if not self.is_list and row.dtype.kind in "biu":
            return str(int(row[0]))
        return self.hexadecimal(row) or ", ".join(
            np.format_float_positional(value, trim="-") if row.dtype.kind == "f" else str(int(value)) for value in row
        )
