"""The library's sentences, which name fields of C structs, with the names that arguments have in Python."""

from __future__ import annotations

import re

# The first that fits a place is taken.
_WORDS = {
    r"params\.(nearest|merge) is 0\b": r"\1 is None",
    r"params\.(palette|ignored)_stored\b": r"\1",
    r"(?:params\.)?part_left\b": "place[0]",
    r"(?:params\.)?part_top\b": "place[1]",
    r"image\.channel_order\b": "order",
    r"image\.pixels\b": "image",
    r"image\.(left|top)\b": r"the rectangle's \1",
    r"image\.(\w+)": r"the image's \1",
    r"outputs\.(masks|labels)\b": r"out_\1",
    r"outputs\.outlines\.connected\b": "outlines",
    r"outputs\.outlines\.tolerance\b": "outlines_tolerance",
    r"(?:params|outputs|options)\.(\w+)": r"\1",
    r"\bdevice_name is\b": "device is",
}
_ANY = re.compile("|".join(f"(?:{pattern})" for pattern in _WORDS))


def in_python(sentence: str) -> str:
    """A sentence for who has called from Python."""

    def named(found: re.Match[str]) -> str:
        whole = found[0]
        return next(re.sub(pattern, name, whole) for pattern, name in _WORDS.items() if re.fullmatch(pattern, whole))

    return re.sub(_ANY, named, sentence)
