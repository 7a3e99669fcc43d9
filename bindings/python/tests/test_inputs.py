"""Images and palettes as people have them: every kind gives the masks of its values."""

from __future__ import annotations

import array
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest

PIL = pytest.importorskip("PIL.Image")
ROW = [[170, 205, 230]] * 3 + [[63, 224, 56]] * 2 + [[1, 2, 3]]
IMAGE = np.array([ROW, ROW], np.uint8)
SEA, LAND = "#aacde6", "#3fe038"


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", ">i4", ">u2", "float16", "float64", "longdouble"])
def test_labels_of_any_type(dtype: str) -> None:
    kind = np.dtype(dtype)
    values = [0, 7, 100] if kind.itemsize == 1 else [0, 7, 2000]
    values += [-5] if kind.kind in "if" else [3]
    values += [70_000] if kind.kind in "iuf" and kind.itemsize > 2 else []
    image = np.repeat(np.array([values], kind), range(len(values), 0, -1), axis=1)
    found = ctm.segment(image if kind.isnative else np.ascontiguousarray(image, kind.newbyteorder("=")).astype(kind))
    assert found.colors.tolist() == values and found.counts.tolist() == list(range(len(values), 0, -1))
    assert found.colors.dtype == kind


def test_types_of_colours() -> None:
    for dtype in (np.int64, np.uint32):  # Bytes that were made wider.
        assert ctm.segment(IMAGE.astype(dtype), palette=[SEA]).counts.tolist() == [6]
    words = IMAGE.astype(np.uint16) * 257
    assert ctm.segment(words).names == [SEA, LAND, "#010203"] and ctm.segment(words, palette=[LAND]).counts.tolist() == [4]
    floats = IMAGE / np.float32(255)
    assert ctm.segment(floats).names == [SEA, LAND, "#010203"] and ctm.segment(floats, palette=[LAND]).counts.tolist() == [4]
    assert ctm.segment(np.array([[[0.5, 0.25, 3]]], np.float32)).names == ["0.5, 0.25, 3"]
    assert ctm.segment(np.array([[[5, 6]]])).names == ["5, 6"]
    found = ctm.segment(np.array([[True, False, True]]))
    assert found.colors.tolist() == [True, False] and found.colors.dtype == bool and found.names == ["1", "0"]
    assert ctm.segment(IMAGE[..., :1]).colors.shape == (3, 1) and ctm.segment(IMAGE[..., 0]).colors.shape == (3,)
    rgba = np.dstack([IMAGE, np.full((2, 6), 255, np.uint8)])
    rgba[0, 0, 3] = 128
    found = ctm.segment(rgba)
    assert found.names == [SEA, LAND, "#010203", "#aacde680"] and found[SEA].sum() == found[170, 205, 230].sum() == 5
    assert found["#aacde680"].sum() == found[170, 205, 230, 128].sum() == 1
    assert ctm.segment(rgba, palette={"sea": (170, 205, 230), "shore": "#aacde680"}).counts.tolist() == [5, 1]
    assert ctm.segment(rgba, palette=[SEA, "#aacde680"]).counts.tolist() == [5, 1]  # Without alpha it is opaque.
    assert ctm.segment(rgba, alpha="ignored").names == [SEA, LAND, "#010203"]
    assert ctm.segment(rgba, alpha="at_least", least_alpha=200).counts.tolist() == [5, 4, 2]


def test_masked_pixels_have_no_colour() -> None:
    hide = np.zeros((2, 6), bool)
    hide[0, 1:4] = True
    rgba = np.dstack([IMAGE, np.full((2, 6), 9, np.uint8)])
    rgba[1, 0, 3] = 0
    alpha: dict[str, Any]
    for image, counts, alpha in [
        (IMAGE, [4, 3, 2], {}),
        (IMAGE.astype(np.uint16), [4, 3, 2], {}),
        (IMAGE.astype(np.float32), [4, 3, 2], {}),
        (IMAGE.astype(np.int32) * 100_000 // 255, [4, 3, 2], {}),
        (rgba, [3, 3, 2, 1], {}),
        (rgba, [4, 3, 2], {"alpha": "ignored"}),
        (rgba, [3, 3, 2], {"alpha": "at_least", "least_alpha": 1}),
        (rgba, [3, 3, 2], {"alpha": "at_least", "least_alpha": 0.5}),
        (rgba, [4, 3, 2], {"alpha": "at_least", "least_alpha": 0}),
        (rgba[..., 2:], [3, 3, 2, 1], {}),
        (rgba[..., 2:], [4, 3, 2], {"alpha": "ignored"}),
        (rgba[..., 0], [4, 3, 2], {}),
        (rgba[..., 0] > 100, [5, 4], {}),
    ]:
        mask = hide if image.ndim == 2 else np.repeat(hide[..., None], image.shape[2], axis=2)
        found = ctm.segment(np.ma.masked_array(image, mask), **alpha)
        assert sorted(found.counts.tolist(), reverse=True) == counts, (image.dtype, image.shape, alpha)
        assert not found.labels[hide].any()
        assert len(found.colors[0]) == image.shape[2] - bool(alpha) if image.ndim == 3 else found.colors.ndim == 1
        np.testing.assert_array_equal(ctm.segment(np.ma.masked_array(image), **alpha).labels, ctm.segment(image, **alpha).labels)
    one = np.zeros(IMAGE.shape, bool)
    one[0, 0, 1] = True  # A pixel of which one value is masked.
    assert not ctm.segment(np.ma.masked_array(IMAGE, one)).labels[0, 0]
    # Neither mixing nor near colours gives them one.
    near = ctm.segment(np.ma.masked_array(IMAGE, np.repeat(hide[..., None], 3, 2)), max_count=1, unmix_radius=2, tolerance=500)
    assert not near.labels[hide].any() and near.counts.tolist() == [9]


def test_pillow() -> None:
    picture = PIL.fromarray(IMAGE)
    grey = picture.convert("L")
    for image, names in [
        (picture, [SEA, LAND, "#010203"]),
        (picture.convert("RGBA"), [SEA, LAND, "#010203"]),
        (picture.quantize(8), [SEA, LAND, "#010203"]),
        (grey, [str(value) for value in (197, 157, 2)]),
        (grey.convert("LA"), ["197, 255", "157, 255", "2, 255"]),
        (grey.convert("1", dither=PIL.Dither.NONE), ["1", "0"]),
        (grey.convert("I"), ["197", "157", "2"]),
        (grey.convert("F"), ["197", "157", "2"]),
        (PIL.fromarray(np.asarray(grey).astype(np.uint16) * 300), ["59100", "47100", "600"]),
    ]:
        assert ctm.segment(image).names == names, image.mode
    clear = picture.quantize(8)
    clear.info["transparency"] = clear.getpixel((0, 0))
    assert ctm.segment(clear).names == ["#aacde600", LAND, "#010203"]
    with pytest.raises(TypeError, match=r"image is a Pillow image of the mode 'CMYK'; .*: image.convert\('RGB'\)"):
        ctm.segment(picture.convert("CMYK"))


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    PIL.fromarray(IMAGE).save(path)
    assert ctm.segment(path).names == ctm.segment(str(path)).names == [SEA, LAND, "#010203"]
    (tmp_path / "text.png").write_text("no image")
    for name in ("nowhere.png", "text.png"):
        with pytest.raises(ValueError, match=f"image is '.*{name}'; an image file that Pillow can open is expected"):
            ctm.segment(tmp_path / name)


def test_other_memory() -> None:
    assert ctm.segment(memoryview(IMAGE)).names[0] == SEA
    assert ctm.segment(memoryview(array.array("q", [1, 1, 70_000])).cast("B").cast("q", (1, 3))).names == ["1", "70000"]
    assert ctm.segment(IMAGE.transpose(2, 0, 1), layout="chw").names[0] == SEA
    assert ctm.segment(IMAGE[..., ::-1], order="bgr").names == ctm.segment(IMAGE[..., ::-1].copy(), order="BGR").names == [SEA, LAND, "#010203"]
    assert ctm.masks(IMAGE[..., ::-1], order="bgr").shape == (3, 2, 6)
    part = ctm.segment(IMAGE, rectangle=(2, 0, 3, 1))
    assert part.shape == (1, 3) and part.counts.tolist() == [2, 1]


def test_tolerances() -> None:
    near = IMAGE.copy()
    near[0, 0] += np.array([0, 0, 10], np.uint8)
    for image, tolerance in [(near, 10), (near, 10 / 255), (near.astype(np.int64), 10), (near.astype(np.uint16) * 257, 10 / 255), (near / np.float32(255), 10.01 / 255)]:
        assert ctm.segment(image, max_count=1).counts.tolist() == [5]
        assert ctm.segment(image, max_count=1, tolerance=tolerance).counts.tolist() == [6]
        assert ctm.segment(image, max_count=1, tolerance=tolerance * 0.95).counts.tolist() == [5]
        assert ctm.segment(image, merge_tolerance=tolerance).counts.tolist() == [6, 4, 2]
    near[0, 0] += np.array([10, 0, 0], np.uint8)
    assert ctm.segment(near, max_count=1, tolerance=10).counts.tolist() == [5]
    assert ctm.segment(near, max_count=1, tolerance=10, nearest="chebyshev").counts.tolist() == [6]


def test_the_type_says_what_is_valid() -> None:
    """Not the values: what the type can hold and no pixel has is a mask of no pixels, and ignored without an effect."""
    for dtype, absent in (("int64", 300), ("int64", -1), ("int64", 2**32 - 1), ("uint32", 2**32 - 1), ("uint64", 70_000), ("int16", -300), ("int8", -1), (">i4", 300)):
        for values in ([0, 1, 20], [0, 1, 100]) if dtype == "int8" else ([0, 1, 20], [0, 1, 300], [0, 1, 30_000]):
            image = np.array([values], dtype)
            if absent in values:
                continue
            found = ctm.segment(image, palette={absent: "none", 1: "one"})
            assert found.names == ["none", "one"] and found.colors.tolist() == [absent, 1] and found.counts.tolist() == [0, 1]
            assert not found["none"].any() and found[(absent,)].sum() == 0 and found.labels.tolist() == [[0, 2, 0]]
            assert ctm.segment(image, ignored=[absent, 1]).colors.tolist() == [values[0], values[2]]
            assert ctm.segment(image, palette=[absent, 1], ignored=values[2]).counts.tolist() == [0, 1]
    # Of int64 some fit uint32 only, others int32 only: both are listed all the same.
    ends = [-(2**31), -1, 0, 2**31, 2**32 - 1]
    for values in ([-(2**31), -1, 0], [0, 2**31, 2**32 - 1], [0]):
        found = ctm.segment(np.array([values]), palette=ends)
        assert found.colors.tolist() == ends and found.counts.tolist() == [int(end in values) for end in ends]
        pairs = ctm.segment(np.array([[[value, 5] for value in values]]), palette=[(end, 5) for end in ends])
        assert pairs.counts.tolist() == found.counts.tolist() and pairs.colors.tolist() == [[end, 5] for end in ends]
        several = ctm.segment([np.array([values]), np.array([[0]])], palette=ends)
        assert several[0].counts.tolist() == found.counts.tolist() and several[1].colors.tolist() == ends
        assert ctm.segment(np.array([values]), ignored=ends[:2] + ends[3:]).colors.tolist() == [0]
    # Colours of three channels, too: white is 255, whatever there is.
    for wide in (IMAGE.astype(int), IMAGE.astype(np.int16) * 100, IMAGE.astype(np.uint32) * 1000):
        found = ctm.segment(wide, palette=[(300, 0, 0), "#020000", wide[0, 0]])
        assert found.counts.tolist() == [0, 0, 6] and found.names[:2] == ["300, 0, 0", "#020000"] and found.colors[0].tolist() == [300, 0, 0]
        assert ctm.segment(wide, ignored=[(300, 0, 0)]).counts.tolist() == [6, 4, 2]
    near = np.array([[[10, 10, 10], [10, 10, 10], [20, 10, 10], [99, 10, 10]]])
    for more in (0, 1000):
        assert ctm.segment(near + more, max_count=1, tolerance=10).counts.tolist() == ctm.segment(near + more, max_count=1, tolerance=10 / 255).counts.tolist() == [3]


def test_ids_have_no_distances() -> None:
    for image in (np.array([[7, 7, 8]]), np.array([[7, 7, 70_000]])):
        assert ctm.segment(image, tolerance=0, merge_tolerance=0.0).counts.tolist() == [2, 1]
        with pytest.raises(ValueError, match="merge_tolerance is 1, and the image has values of type int64 in 1 channel: these are ids"):
            ctm.segment(image, merge_tolerance=1)


def test_masked_ids() -> None:
    masked = np.ma.masked_equal(np.array([[0, 0, 1, 2, 9]]), 9)
    # The masked pixel is of no listed colour, whichever that is.
    for value in (3, 9, 10, 2**32 - 1, -1):
        found = ctm.segment(masked, palette=[value, 0])
        assert found.counts.tolist() == [0, 2] and found.colors.tolist() == [value, 0]
        assert ctm.segment(masked, ignored=[value]).colors.tolist() == [0, 1, 2]
        assert ctm.segment(masked, palette=[value, 0, 1, 2], unlisted="error").labels.tolist() == [[2, 2, 3, 4, 0]]
    first, second = ctm.segment([masked, np.array([[3, 10, 10, 9]])])
    assert first.colors.tolist() == second.colors.tolist() == [0, 10, 1, 2, 3, 9]
    assert first.counts.tolist() == [2, 0, 1, 1, 0, 0] and second.counts.tolist() == [0, 2, 0, 0, 1, 1]


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", ">u2", ">i2", ">i4", ">u4", ">i8", "<f2", "<f8"])
def test_byte_orders(dtype: str) -> None:
    values = [0.5, 3.0, -2.0] if dtype[1] == "f" else [1, 3, 20_000]
    image = np.repeat(np.array([values], dtype), [3, 2, 1], axis=1)
    native = image.astype(image.dtype.newbyteorder("="))
    found, expected = ctm.segment(image, palette=[values[1], values[0]]), ctm.segment(native, palette=[values[1], values[0]])
    assert found.counts.tolist() == [2, 3] and found.names == expected.names and found.colors.dtype == image.dtype
    np.testing.assert_array_equal(ctm.segment(image).colors, values)
    stacked = np.stack([image] * 3, axis=2)
    assert ctm.segment(stacked).counts.tolist() == [3, 2, 1]
    hidden = np.ma.masked_array(image, image == image[0, 0])
    assert ctm.segment(hidden).colors.tolist() == values[1:]


def test_names_of_colours() -> None:
    image = np.array([[[0, 0, 128], [0, 0, 128], [255, 255, 255]]], np.uint8)
    found = ctm.segment(image, palette={"sea": "navy", "snow": "White"})
    assert found.names == ["sea", "snow"] and found.counts.tolist() == [2, 1]
    assert ctm.segment(image / np.float32(255), ignored=["navy"]).counts.tolist() == [1]


def test_one_or_several_colours() -> None:
    for ignored in (SEA, [SEA], (170, 205, 230), [[170, 205, 230]], np.array([170, 205, 230]), np.array([[170, 205, 230]])):
        assert ctm.segment(IMAGE, ignored=ignored).names == [LAND, "#010203"]
    ids = np.array([[0, 0, 0, 1, 1, 2]])
    assert ctm.segment(ids, ignored=0).names == ["1", "2"] and ctm.segment(ids, ignored=[0, 1]).names == ["2"]
    assert ctm.segment(ids, palette=[2, 0]).counts.tolist() == [1, 3] and ctm.segment(ids, palette=[]).counts.tolist() == []


def test_ids_of_32_bits() -> None:
    # As floats the first two would be one.
    values = [16_777_216, 16_777_217, 4_294_967_295, 5]
    image = np.repeat(np.array([values]), [4, 3, 2, 1], axis=1)
    for given in (image, image.astype(np.uint32), image.astype(np.uint64)):
        found = ctm.segment(given)
        assert found.colors.tolist() == values and found.colors.dtype == given.dtype and found.names[2] == "4294967295"
        assert found[(16_777_217,)].sum() == 3 and found.number((4_294_967_295,)) == 2
    assert ctm.segment(image, palette={16_777_217: "road", 5: "sky"}).names == ["road", "sky"]
    assert ctm.segment(image, palette={16_777_217: "road", 5: "sky"})["road"].tolist() == (image == 16_777_217).tolist()
    assert ctm.segment(image, ignored=16_777_216).counts.tolist() == [3, 2, 1]
    signed = np.array([[-(2**31), -(2**31), 2**31 - 1]])
    assert ctm.segment(signed).colors.tolist() == [-(2**31), 2**31 - 1]
    both = np.stack([image, image[:, ::-1]], axis=2)
    assert sorted(map(tuple, ctm.segment(both).colors.tolist())) == sorted(set(map(tuple, both[0].tolist())))
    masked = ctm.segment(np.ma.masked_equal(image, 16_777_216))
    assert masked.colors.tolist() == values[1:] and masked.names[0] == "16777217"
    assert ctm.segment(np.ma.masked_equal(image, 16_777_216), ignored=5).colors.tolist() == values[1:3]
    ends = np.array([[0, 0, 0, 2**32 - 1, 2**32 - 1, 1]])  # All that is next to the ends is in use.
    assert ctm.segment(np.ma.masked_equal(ends, 1)).colors.tolist() == [0, 2**32 - 1]
    pairs = np.ma.masked_equal(np.stack([ends, ends], axis=2), 1)
    assert ctm.segment(pairs).colors.tolist() == [[0, 0], [2**32 - 1] * 2]
    assert ctm.segment(pairs, alpha="ignored").colors.tolist() == [[0], [2**32 - 1]]
    first, second = ctm.segment([image[:, :6] % 16_777_216, np.array([[1, 70_000]])])
    assert first.names == second.names == ["0", "1", "70000"]
    one, other = ctm.segment([np.array([[-1]]), np.array([[70_000]])])
    assert one.colors.tolist() == [-1, 70_000] and other.counts.tolist() == [0, 1]


REFUSED: list[tuple[type[Exception], str, Any, dict[str, Any]]] = [
    (TypeError, "image has the value 0.1 of type float64, which a 32-bit float does not hold; pass image.astype", np.array([[0.1]]), {}),
    (TypeError, "image has the value .*1e.300", np.array([[1e300]]), {}),
    (TypeError, "image has values of type complex128; integers, bool or floats are expected", np.array([[1j]]), {}),
    (TypeError, "image has values of type <U1", np.array([["a"]]), {}),
    (TypeError, "image is a int; a numpy array", 7, {}),
    (ValueError, "image has the value 9223372036854775807; integers of 32 bits are expected, here 0 to 4294967295", np.array([[0, 2**63 - 1]]), {}),
    (ValueError, "image has the value -9223372036854775808; integers", np.array([[0, -(2**63)]]), {}),
    (ValueError, "image has the value -1|image has the value 4294967295; integers of 32 bits are expected, here -2147483648", np.array([[-1, 2**32 - 1]]), {}),
    (ValueError, "image has the value 16777217, and 3 channels; integers up to 16777216, or 1 or 2 channels", IMAGE.astype(int) + 2**24 - 170 + 1, {}),
    (ValueError, "some images are masked arrays of bytes or 16 bits, and some have wider integers", [np.array([[7]]), np.ma.masked_equal(np.array([[1, 7]], np.uint8), 1)], {}),
    (ValueError, "the images have integers below 0 and from 2147483648 on", [np.array([[-1]]), np.array([[2**31]])], {}),
    (ValueError, "tolerance is 1, and the image has values of type int64 in 1 channel: these are ids, which have no distances; uint8, uint16 or floats", np.array([[7]]), {"tolerance": 1}),
    (ValueError, "merge_tolerance is 1, and the image has values of type int16 in 2 channels: these are ids", np.zeros((2, 2, 2), np.int16), {"merge_tolerance": 1}),
    (ValueError, "unmix_radius is 2, and the image has values of type uint32", np.zeros((2, 2), np.uint32), {"unmix_radius": 2}),
    (ValueError, "unlisted is 'nearest', and the image has values of type int64", np.array([[7]]), {"unlisted": "nearest", "palette": [7]}),
    (ValueError, "nearest is 'chebyshev', and the image has", np.array([[7]]), {"nearest": "chebyshev"}),
    (ValueError, "matching is '8-bit', and the image has values of type int64; uint8, uint16 or floats", IMAGE.astype(int), {"matching": "8-bit"}),
    (ValueError, "matching is '8-bit', and the image has values of type int64; uint8, uint16 or floats", np.array([[7]]), {"matching": "8-bit"}),
    (ValueError, r"image has the shape \(1, 2, 6, 3\); one image is expected, .*: pass list\(image\) for several", IMAGE[None], {}),
    (ValueError, r"image has 6 channels; 1 to 4 are supported: is it layout='CHW'\?", np.zeros((3, 5, 6), np.uint8), {}),
    (ValueError, r"palette is 'nowhere.gpl', a file that cannot be read: No such file", IMAGE, {"palette": "nowhere.gpl"}),
    (ValueError, r"palette\[1\] is '#12345'; a colour such as", IMAGE, {"palette": [SEA, "#12345"]}),
    (ValueError, r"palette\['sea'\] is 'bluish'; a colour such as .*or \"navy\" is", IMAGE, {"palette": {"sea": "bluish"}}),
    (TypeError, r"palette has the name 7; text is expected", IMAGE, {"palette": {7: 8}}),
    (ValueError, r"palette\[0\] is \(1, 2\); 3 numbers for uint8 pixels are expected", IMAGE, {"palette": [(1, 2)]}),
    (TypeError, r"palette\[0\] is None; a colour is expected", IMAGE, {"palette": [None]}),
    (TypeError, "palette is None|palette is <object", IMAGE, {"palette": object()}),
    (ValueError, "palette has the colour #aacde6 twice, as 'sea' and 'lake'; each colour is expected once", IMAGE, {"palette": {"sea": SEA, "lake": SEA}}),
    (ValueError, "palette has the colour #aacde6 twice, as 'number 0' and 'number 1'", IMAGE, {"palette": [SEA, SEA]}),
    (ValueError, r"palette\[0\] is '#aacde6', and the image has values of type int64; 1 number for int64 pixels", np.array([[7]]), {"palette": [SEA]}),
    (ValueError, r"palette\[0\] is '#aacde680', and the image has no alpha; #aacde6 is expected", IMAGE, {"palette": [SEA + "80"]}),
    (ValueError, r"ignored is '#aacde6', and the image has 1 channel; 1 number for uint8", IMAGE[..., 0], {"ignored": SEA}),
    (ValueError, "matching is '8-bit', and the image has values of type int64; uint8, uint16 or floats", IMAGE.astype(int) * 1000, {"matching": "8-bit"}),
    (ValueError, r"palette\[1\] has the value 300; a whole number from 0 to 255 is expected for uint8 pixels$", IMAGE, {"palette": [SEA, (1, 300, 2)]}),
    (ValueError, r"palette\['sea'\] has the value 1.5; a whole number from 0 to 255", IMAGE, {"palette": {"sea": (1.5, 2, 3)}}),
    (ValueError, r"ignored\[0\] has the value -1; a whole number from 0 to 255", IMAGE, {"ignored": [(-1, 0, 0)]}),
    (ValueError, r"palette\[7.5\] has the value 7.5; a whole number from -2147483648 to 4294967295 is expected for int64 pixels", np.array([[70_000]]), {"palette": {7.5: "road"}}),
    (ValueError, r"palette\[0\] has the value 4294967296; a whole number from -2147483648 to 4294967295 is expected for int64 pixels", np.array([[7]]), {"palette": [2**32]}),
    (ValueError, r"ignored has the value -1; a whole number from 0 to 4294967295 is expected for uint64 pixels", np.array([[7]], np.uint64), {"ignored": -1}),
    (ValueError, r"palette\[0\] has the value 300; a whole number from -128 to 127 is expected for int8 pixels", np.array([[7]], np.int8), {"palette": [300]}),
    (ValueError, r"palette\[0\] has the value 1.5; a whole number from .* is expected for int64 pixels", IMAGE.astype(int), {"palette": [(1.5, 0, 0)]}),
    (ValueError, r"palette\[0\] has the value -1; a whole number from 0 to 4294967295 is expected for uint32 pixels", IMAGE.astype(np.uint32), {"palette": [(-1, 0, 0)]}),
    (ValueError, r"palette\[0\] has the value 1e\+40; a number that a 32-bit float can hold", IMAGE / np.float32(255), {"palette": [(1e40, 0, 0)]}),
    (ValueError, r"palette\[0\] has the value nan; a number", IMAGE / np.float32(255), {"palette": [(np.nan, 0, 0)]}),
    (ValueError, r"palette\[0\] has the value 16777217; a number that a 32-bit float can hold", IMAGE.astype(int) * 1000, {"palette": [(16_777_217, 0, 0)]}),
    (TypeError, "tolerance is 'much'; a number is expected", IMAGE, {"tolerance": "much"}),
    (ValueError, "^tolerance is -1", IMAGE, {"tolerance": -1}),
    (ValueError, "order is 'gbr'|order is 'GBR'", IMAGE, {"order": "gbr"}),
    (ValueError, "connected is 5", IMAGE, {"connected": 5}),
    (TypeError, "tolerance is '10'; a number is expected", IMAGE, {"tolerance": "10"}),
    (TypeError, "merge_tolerance is b'10'; a number is expected", IMAGE, {"merge_tolerance": b"10"}),
    (TypeError, "least_alpha is '1'; a number is expected", IMAGE, {"least_alpha": "1"}),
    (TypeError, r"^segment\(\) got an unexpected keyword argument 'min_pixel'; did you mean 'min_pixels'\?$", IMAGE, {"min_pixel": 5}),
    (TypeError, r"^segment\(\) got an unexpected keyword argument 'min_pixel'; did you mean 'min_pixels'\?$", [IMAGE], {"min_pixel": 5}),
    (TypeError, r"^segment\(\) got an unexpected keyword argument 'speed'$", [IMAGE], {"speed": 5}),
]


@pytest.mark.parametrize(("kind", "text", "image", "options"), REFUSED, ids=[case[1][:40] for case in REFUSED])
def test_refused(kind: type[Exception], text: str, image: Any, options: dict[str, Any]) -> None:
    with pytest.raises(kind, match=text):
        ctm.segment(image, **options)
