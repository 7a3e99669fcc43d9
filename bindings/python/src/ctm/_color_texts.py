"""Colours as texts in files: "#aacde6", "aacde6", "navy", "170,205,230", "(170, 205, 230)"."""

from __future__ import annotations

import re
from typing import Any

from ._color_names import hexadecimal
from ._colors import ColorSpace

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(rf"\(?\s*({NUMBER}(?:\s*,\s*{NUMBER})*)\s*\)?")
_DIGITS = re.compile(r"[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?")


def are_numbers(text: str) -> bool:
    """Whether it is "7" or "170,205,230"."""
    return _NUMBERS.fullmatch(text) is not None


def is_colored(text: str) -> bool:
    """Whether it is a colour in other words than numbers in the image's units."""
    return text.startswith("#") or _DIGITS.fullmatch(text) is not None or hexadecimal(text) is not None


def parse(text: str, space: ColorSpace) -> Any:
    """What `ColorSpace.parse` takes: a text that begins with "#", or numbers. None where it is no colour."""
    # Six or eight digits may be a number, too: what the image has decides.
    if _DIGITS.fullmatch(text) and (space.channels > 2 or not text.isdigit()):
        return f"#{text}"
    numbers = _NUMBERS.fullmatch(text)
    if numbers:
        return [float(word) for word in numbers[1].split(",")]
    return text if text.startswith("#") else hexadecimal(text)
