"""Pillow's images as arrays. Pillow reads some files as fewer bits than they have, or as other numbers: what can be read exactly
is, and what cannot is refused, never rounded."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import InvalidArgumentError, InvalidTypeError

# Pillow's modes whose arrays are colours as they are; P is looked up in its palette.
_MODES = ("1", "L", "LA", "RGB", "RGBA", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")
# Tags of TIFF.
_BITS, _EXTRA, _FORMAT = 258, 338, 339
_SIGNED, _PREMULTIPLIED = 2, 1
# A JPEG 2000 file has its sizes within so many bytes, behind short boxes.
_HEAD = 4096
_TIFFFILE, _OPENCV = "tifffile.imread(…)", "cv2.imread(…, cv2.IMREAD_UNCHANGED) with order='bgr'"


def open_image(name: str, path: Any) -> NDArray[Any]:
    """An image file's pixels."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise InvalidArgumentError(f"{name} is the file {str(path)!r}, which Pillow opens; pip install pillow") from None
    try:
        with Image.open(path) as image:
            _check_mode(name, image)
            _refuse_changed(f"{name} is {str(path)!r}", f"PIL.Image.open({str(path)!r})", image)
            return _pixels(image)
    except (InvalidArgumentError, InvalidTypeError):
        raise
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"{name} is {str(path)!r}; an image file that Pillow can open is expected ({error})") from None


def of_pillow(name: str, image: Any) -> Any:
    """The colours of the pixels, if it is one of Pillow's images."""
    if not _is_pillow(image):
        return image
    _check_mode(name, image)
    _refuse_changed(*_names(name, image), image)
    return _pixels(image)


def stored(name: str, image: Any) -> Any:
    """What the pixels are stored as, if it is one of Pillow's images: of one with a palette the indexes."""
    if not _is_pillow(image):
        return image
    _refuse_changed(*_names(name, image), image)
    return _stored(image)


def _is_pillow(image: Any) -> bool:
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(image, pillow.Image)


def _names(name: str, image: Any) -> tuple[str, str]:
    """What errors call it, and what is to be converted."""
    file = getattr(image, "filename", "")
    return f"{name} is a Pillow image of {str(file)!r}" if file else f"{name} is a Pillow image", name


def _check_mode(name: str, image: Any) -> None:
    if image.mode not in (*_MODES, "P", "PA"):
        raise InvalidTypeError(f"{name} is a Pillow image of the mode {image.mode!r}; 1, L, LA, P, RGB, RGBA, I, I;16 or F is expected: {name}.convert('RGB')")


def _pixels(image: Any) -> NDArray[Any]:
    if image.mode in ("P", "PA"):
        return np.asarray(image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB"))
    array = _stored(image)
    # Of 16 bits, which Pillow has in 32: shades, not ids. Only who has written to the opened image can have made it others.
    is_wide = image.mode == "I" and getattr(image, "format", None) in ("PNG", "PPM")
    return array.astype(np.uint16) if is_wide and array.min() >= 0 and array.max() <= 65535 else array


def _stored(image: Any) -> NDArray[Any]:
    array = np.asarray(image)
    bits, signed = _integers_of_tiff(image)
    # Pillow has unsigned integers of 32 bits in signed ones, and signed ones of 8 bits in unsigned ones.
    if image.mode == "I" and bits == 32 and not signed:
        return array.view(np.uint32)
    return array.view(np.int8) if image.mode == "L" and bits == 8 and signed else array


def _tags(image: Any) -> Any:
    """The tags of a TIFF file. An image that was made of one, by `convert` for example, has none."""
    return getattr(image, "tag_v2", {}) if getattr(image, "format", None) == "TIFF" else {}


def _integers_of_tiff(image: Any) -> tuple[int, bool]:
    """How many bits a value has in a TIFF file, and whether there is a sign; 0 bits: it is of another kind."""
    tags = _tags(image)
    return (max(tags[_BITS]), tags.get(_FORMAT, (1,))[0] == _SIGNED) if _BITS in tags else (0, False)


def _refuse_changed(what: str, opened: str, image: Any) -> None:
    """Raises an error for an image whose values are not those of its file."""
    changed = _change(image)
    if changed is not None:
        how, reader = changed
        raise InvalidTypeError(f"{what}, {how}; pass {reader}, or {opened}.convert({image.mode!r}) to take what Pillow makes of it")


def _change(image: Any) -> tuple[str, str] | None:
    """How Pillow changes an image's values, and what reads them as they are."""
    kind = getattr(image, "format", None)
    if kind == "TIFF":
        return _change_of_tiff(image)
    read = _OF_HEADS.get(kind or "")
    head = _head(image) if read else b""
    return read(head) if read and head else None


def _change_of_tiff(image: Any) -> tuple[str, str] | None:
    tags = _tags(image)
    bits, extra = max(tags.get(_BITS, (1,))), tags.get(_EXTRA, ())
    if bits > 8 and image.mode not in ("I", "F") and not image.mode.startswith("I;"):
        return _narrowed(bits), _TIFFFILE
    if _PREMULTIPLIED in extra:
        return "of colours that are multiplied by their alpha, by which Pillow divides them", _TIFFFILE
    if len(tags.get(_BITS, ())) > len(image.getbands()):
        return f"of {len(tags[_BITS])} channels, of which Pillow reads {len(image.getbands())}", _TIFFFILE
    return None


def _narrowed(bits: int) -> str:
    return f"of {bits} bits a channel, which Pillow reads as 8"


def _change_of_png(head: bytes) -> tuple[str, str] | None:
    # Of 16 bits Pillow has grey alone.
    bits, color_type = (head[24], head[25]) if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) > 25 else (8, 0)
    return (_narrowed(bits), _OPENCV) if bits == 16 and color_type != 0 else None


def _change_of_jpeg2000(head: bytes) -> tuple[str, str] | None:
    # The start of the image, and the marker of sizes: then a byte for the bits of each channel, and two more.
    at = head.find(b"\xff\x4f\xff\x51")
    if at < 0 or len(head) < at + 43:
        return None
    channels = int.from_bytes(head[at + 40 : at + 42], "big")
    stored = set(head[at + 42 : at + 42 + 3 * channels : 3])
    if stored <= {7} or (channels == 1 and stored == {15}):
        return None
    bits = max(byte & 0x7F for byte in stored) + 1
    sign = "with a sign " if any(byte & 0x80 for byte in stored) else ""
    return f"of {bits} bits {sign}a channel, which Pillow makes {16 if channels == 1 and bits > 8 else 8}", _OPENCV


def _change_of_pnm(head: bytes) -> tuple[str, str] | None:
    """PPM and PGM: behind the kind there are columns, rows and the largest value, and comments anywhere."""
    lines = [line.partition(b"#")[0] for line in head.splitlines()]
    words = b" ".join(lines).split()
    if len(words) < 4 or words[0] not in (b"P2", b"P3", b"P5", b"P6") or not words[3].isdigit():
        return None
    largest, scaled = int(words[3]), 255
    if words[0] in (b"P2", b"P5") and largest > 255:
        scaled = 65535
    return None if largest == scaled else (f"of values up to {largest}, which Pillow scales to {scaled}", _OPENCV)


def _change_of_sgi(head: bytes) -> tuple[str, str] | None:
    is_wide = head.startswith(b"\x01\xda") and head[3:4] == b"\x02"
    return (_narrowed(16), "its values in an array") if is_wide else None


def _change_of_avif(head: bytes) -> tuple[str, str] | None:
    # The decoder's settings: behind the name there are version, profile, and a byte whose bits say 10 or 12 bits.
    at = head.find(b"av1C")
    depth = head[at + 6] & 0x60 if 0 <= at < len(head) - 6 else 0
    return (_narrowed(12 if depth == 0x60 else 10), "its values in an array") if depth & 0x40 else None


# By Pillow's names of formats.
_OF_HEADS = {
    "PNG": _change_of_png,
    "JPEG2000": _change_of_jpeg2000,
    "PPM": _change_of_pnm,
    "SGI": _change_of_sgi,
    "AVIF": _change_of_avif,
}


def _head(image: Any) -> bytes:
    """The first bytes of an opened image's file; of one whose pixels are loaded, Pillow has closed it."""
    file: Any
    head: bytes
    for file in (getattr(image, "fp", None), getattr(image, "_fp", None)):
        try:
            place = file.tell()
            file.seek(0)
            head = file.read(_HEAD)
            file.seek(place)
            return head
        except (AttributeError, OSError, ValueError):
            continue
    try:
        with open(image.filename, "rb") as file:
            head = file.read(_HEAD)
            return head
    except (AttributeError, OSError, ValueError):
        return b""
