"""Files and Pillow's images: their values as they are stored, or a sentence that says what reads them."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest

PIL = pytest.importorskip("PIL.Image")
IDS = np.array([[4011193830, 4011193830, 4011193830, 5, 5, 2**31]], np.uint32)
# Two colours that are one in 8 bits.
WIDE = np.array([[[0x6565, 0x6565, 0]] * 3 + [[0x6566, 0x6565, 0]] * 2], np.uint16)


def png(values: Any) -> bytes:
    rows, columns, channels = values.shape
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    lines = b"".join(b"\0" + row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8 * values.itemsize, color_type, 0, 0, 0)), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)


def tiff(values: Any, *extra: int) -> bytes:
    """A TIFF file of one strip, little-endian."""
    rows, columns, channels = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    shorts = [(256, [columns]), (257, [rows]), (258, [8 * values.itemsize] * channels), (259, [1]), (262, [2 if channels > 2 else 1]), (277, [channels]), (278, [rows])]
    shorts += [(338, list(extra))] * bool(extra) + [(339, [kind] * channels)]
    tags = sorted([(tag, "H", numbers) for tag, numbers in shorts] + [(273, "I", [0]), (279, "I", [values.nbytes])])
    end = 8 + 2 + 12 * len(tags) + 4
    behind, entries = b"", b""
    for tag, letter, numbers in tags:
        data = struct.pack(f"<{len(numbers)}{letter}", *numbers)
        if tag == 273:
            place = len(entries)
        if len(data) > 4:
            data, behind = struct.pack("<I", end + len(behind)), behind + data
        entries += struct.pack("<HHI", tag, 3 if letter == "H" else 4, len(numbers)) + data.ljust(4, b"\0")
    start = struct.pack("<I", end + len(behind))
    entries = entries[: place + 8] + start + entries[place + 12 :]
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + behind + values.tobytes()


def saved(image: Any, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def jpeg2000(values: Any, depth: int) -> bytes:
    """A file of bytes that says that it has more bits."""
    data = bytearray(saved(PIL.fromarray(values), "JPEG2000", no_jp2=False))
    at = data.index(b"\xff\x4f\xff\x51")
    channels = int.from_bytes(data[at + 40 : at + 42], "big")
    data[at + 42 : at + 42 + 3 * channels : 3] = bytes([depth]) * channels
    return bytes(data)


BYTES = np.array([[[1, 2, 3]] * 3 + [[1, 2, 4]] * 2], np.uint8)
EXACT: list[tuple[str, bytes, Any]] = [
    ("u32.tif", tiff(IDS[..., None]), IDS),
    ("i32.tif", tiff(IDS.view(np.int32)[..., None]), IDS.view(np.int32)),
    ("i16.tif", tiff(np.array([[[-5], [7]]], np.int16)), np.array([[-5, 7]])),
    ("i8.tif", tiff(np.array([[[-5], [7]]], np.int8)), np.array([[-5, 7]])),
    ("u16.tif", tiff(WIDE[..., :1]), WIDE[..., 0]),
    ("f32.tif", tiff(np.array([[[0.1], [-7]]], np.float32)), np.array([[0.1, -7]], np.float32)),
    ("rgb.tif", tiff(BYTES), BYTES),
    ("u16.png", png(WIDE[..., :1]), WIDE[..., 0]),
    ("rgb.png", png(BYTES), BYTES),
    ("la.png", png(BYTES[..., 1:]), BYTES[..., 1:]),
    ("rgb.jp2", saved(PIL.fromarray(BYTES), "JPEG2000"), BYTES),
    ("u16.jp2", saved(PIL.fromarray(WIDE[..., 0]), "JPEG2000"), WIDE[..., 0]),
    ("rgb.ppm", b"P6\n5 1\n255\n" + BYTES.tobytes(), BYTES),
    ("u16.pgm", b"P5 5 1 # a comment\n65535\n" + WIDE[..., 0].astype(">u2").tobytes(), WIDE[..., 0]),
]
NARROW = "of 16 bits a channel, which Pillow reads as 8; pass "
CHANGED: list[tuple[str, bytes, str]] = [
    ("r16.png", png(WIDE), NARROW + "cv2.imread"),
    ("la16.png", png(WIDE[..., 1:]), NARROW + "cv2.imread"),
    ("rgba16.png", png(np.dstack([WIDE, WIDE[..., :1]])), NARROW + "cv2.imread"),
    ("r16.tif", tiff(WIDE), NARROW + "tifffile.imread"),
    ("rgba16.tif", tiff(np.dstack([WIDE, WIDE[..., :1]]), 2), NARROW + "tifffile.imread"),
    ("premultiplied.tif", tiff(np.dstack([BYTES, BYTES[..., :1]]), 1), "of colours that are multiplied by their alpha"),
    ("rgbx.tif", tiff(np.dstack([BYTES, BYTES[..., :1]]), 0), "of 4 channels, of which Pillow reads 3"),
    ("r16.jp2", jpeg2000(BYTES, 15), "of 16 bits a channel, which Pillow makes 8"),
    ("u12.jp2", jpeg2000(BYTES[..., 0], 11), "of 12 bits a channel, which Pillow makes 16"),
    ("i8.jp2", jpeg2000(BYTES, 0x87), "of 8 bits with a sign a channel"),
    ("r16.ppm", b"P6\n5 1\n65535\n" + WIDE.astype(">u2").tobytes(), "of values up to 65535, which Pillow scales to 255"),
    ("ids.pgm", b"P5 # 20 1 3\n5 1\n20\n" + BYTES[..., 0].tobytes(), "of values up to 20, which Pillow scales to 255"),
    ("r16.sgi", struct.pack(">hBBHHHH", 474, 0, 2, 3, 5, 1, 3).ljust(512, b"\0") + WIDE.transpose(2, 0, 1).astype(">u2").tobytes(), NARROW + "its values"),
]


@pytest.mark.parametrize(("name", "data", "values"), EXACT, ids=[case[0] for case in EXACT])
def test_values_are_those_of_the_file(tmp_path: Path, name: str, data: bytes, values: Any) -> None:
    (tmp_path / name).write_bytes(data)
    expected = ctm.segment(values)
    loaded = PIL.open(io.BytesIO(data))
    loaded.load()
    for image in (str(tmp_path / name), PIL.open(io.BytesIO(data)), loaded):
        found = ctm.segment(image)
        assert found.colors.tolist() == expected.colors.tolist() and found.counts.tolist() == expected.counts.tolist()
        np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize(("name", "data", "text"), CHANGED, ids=[case[0] for case in CHANGED])
def test_files_that_pillow_changes_are_refused(tmp_path: Path, name: str, data: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TypeError, match=f"image is '.*{name}', {text}.*, or PIL.Image.open\\('.*{name}'\\).convert\\('"):
        ctm.segment(tmp_path / name)
    with PIL.open(tmp_path / name) as image:
        for loads in (False, True):
            if loads and not name.endswith(".jp2"):  # Of these the pixels are of another depth.
                ctm.segment(image.convert(image.mode))  # As the sentence says; it loads the pixels.
                assert image.tile == []
            for call in (ctm.segment, ctm.masks, ctm.analyze):
                with pytest.raises(TypeError, match=f"image is a Pillow image of .*{name}', {text}.*, or image.convert"):
                    call(image)
    with pytest.raises(TypeError, match=rf"image\[1\] is a Pillow image, {text}"):
        ctm.segment([BYTES, PIL.open(io.BytesIO(data))])


# 2 x 2 pixels, 10 bits a channel.
AVIF = """
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAA
AB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAHQAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUA
AAAAAAAAAgAAAAIAAAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAAAAAAE2NvbHJuY2x4AAIAAgAAgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAJW1kYXQSAAoH
OAA+cCAgCTIQEAAAAA/6PhAg6aR+c2fBQA==
"""


def test_avif_files_of_more_than_8_bits_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.avif").write_bytes(base64.b64decode(AVIF))
    with pytest.raises(TypeError, match=NARROW.replace("16", "10") + "its values in an array"):
        ctm.segment(tmp_path / "a.avif")
    PIL.new("RGB", (2, 2), (9, 7, 5)).save(tmp_path / "b.avif", quality=100)
    assert len(ctm.segment(tmp_path / "b.avif", min_pixels=1)) == 1


def test_images_of_the_strict_functions() -> None:
    ids = ctm.analyze(PIL.open(io.BytesIO(tiff(IDS[..., None]))), outputs=["palette"])
    assert ids.palette is not None and ids.palette["color"][:, 0].tolist() == np.float32([4011193830, 5, 2**31]).tolist()
    indexes = PIL.fromarray(BYTES).quantize(4)
    assert ctm.masks(indexes).shape == (2, 1, 5)


def test_looking_at_a_file_does_not_move_it() -> None:
    file = io.BytesIO(png(WIDE))
    picture = PIL.open(file)
    place = file.tell()
    with pytest.raises(TypeError):
        ctm.segment(picture)
    assert file.tell() == place
    assert np.asarray(picture).tolist() == (WIDE >> 8).tolist()  # Pillow goes on where it was.


def test_grey_of_16_bits_is_shades(tmp_path: Path) -> None:
    """Also where Pillow has it in 32 bits, as of PGM, and of PNG in older versions: it has distances."""
    values = np.array([[300, 300, 310, 9000]], np.uint16)
    (tmp_path / "grey.pgm").write_bytes(b"P5\n4 1\n65535\n" + values.astype(">u2").tobytes())
    PIL.fromarray(values).save(tmp_path / "grey.png")
    for name in ("grey.pgm", "grey.png"):
        with PIL.open(tmp_path / name) as picture:
            for image in (tmp_path / name, picture):
                found = ctm.segment(image, max_count=1, tolerance=10)
                assert found.counts.tolist() == [3] and found.colors.dtype == np.uint16
