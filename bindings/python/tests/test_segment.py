"""`ctm.segment`: what its result knows, what it can be asked, and what it becomes."""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import zlib
from typing import Any

import ctm
import numpy as np
import pytest
from conftest import oracle

# pycocotools has not followed numpy 2 in all points yet.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning:pycocotools")

SEA, ANTARCTICA, RUSSIA = "#aacde6", "#3fe038", "#4b91a6"
ROW = [[170, 205, 230]] * 3 + [[63, 224, 56]] * 2 + [[1, 2, 3]]
IMAGE = np.array([ROW, ROW], np.uint8)


@pytest.fixture(scope="module")
def result(world: Any) -> ctm.Segmentation:
    return ctm.segment(world)


def test_all_that_is_known_of_a_map(context: ctm.Context, world: Any) -> None:
    found = context.segment(world, min_pixels=500)
    colors, counts, masks = oracle(world, 500)
    assert len(found) == len(counts) > 50 and found.shape == (1024, 2048)
    np.testing.assert_array_equal(found.colors, colors)
    assert found.colors.dtype == np.uint8
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_array_equal(found.masks, masks)
    np.testing.assert_array_equal(found.labels, sum(mask * np.uint16(number) for number, mask in enumerate(masks, 1)))
    for number, mask in enumerate(masks):
        rows, columns = np.nonzero(mask)
        left, top, right, bottom = found.boxes[number]
        assert (left, right, top, bottom) == (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
        np.testing.assert_allclose(found.centroids[number], (columns.mean(), rows.mean()))
        np.testing.assert_array_equal(found.crop(number), mask[top:bottom, left:right])
    assert found.distinct_colors in (None, 216) and found.names[:3] == [SEA, ANTARCTICA, RUSSIA]


def test_it_is_a_sequence_of_masks(result: ctm.Segmentation, world: Any) -> None:
    assert len(list(result)) == len(result) == 216
    for number, mask in enumerate(result):
        assert mask.dtype == bool and mask.sum() == result.counts[number]
    sea = (world == (170, 205, 230)).all(axis=2)
    for key in (0, -216, np.int64(0), SEA, SEA.upper(), (170, 205, 230), np.array([170, 205, 230], np.uint8), [170, 205, 230]):
        np.testing.assert_array_equal(result[key], sea)
        assert result.number(key) == 0
    np.testing.assert_array_equal(result[1:3], result.masks[1:3])
    assert result[3:3].shape == (0, 1024, 2048)
    assert SEA in result and (170, 205, 230) in result and "#aacde7" not in result and "nowhere" not in result and (1, 2) not in result
    assert "masks" not in ctm.segment(IMAGE).__dict__  # They are made when they are asked for.


def test_what_has_no_mask(result: ctm.Segmentation) -> None:
    for key, text in [
        ("#aacde7", "no mask has the colour or name '#aacde7'; there are '#aacde6', .* and 208 more"),
        ((1, 2, 3), r"no mask has the colour or name \(1, 2, 3\)"),
        (216, "there is no mask 216; there are 216, numbered from 0"),
        (-217, "there is no mask -217"),
    ]:
        for kind in (KeyError, IndexError, ValueError, ctm.NoSuchMaskError):
            with pytest.raises(kind, match=text):
                result[key]
        with pytest.raises(ctm.NoSuchMaskError, match=text):
            result.number(key)
    with pytest.raises(ValueError, match=r"key is \(1, 2\); 3 numbers for uint8 pixels are expected"):
        result[1, 2]
    with pytest.raises(ValueError, match="key is '#12'; a colour such as"):
        result["#12"]


def test_names_of_a_palette() -> None:
    for palette in (
        {"land": ANTARCTICA, "sea": SEA, "lake": "#000"},
        {"land": (63, 224, 56), "sea": np.array([170, 205, 230]), "lake": [0, 0, 0]},
        {ANTARCTICA: "land", SEA: "sea", "#000": "lake"},
        {(63, 224, 56): "land", (170, 205, 230): "sea", (0, 0, 0): "lake"},
    ):
        found = ctm.segment(IMAGE, palette=palette)
        assert found.names == ["land", "sea", "lake"] and found.counts.tolist() == [4, 6, 0]
        assert found["sea"].sum() == 6 and found[SEA].sum() == 6 and found["lake"].sum() == 0
        assert found.crop("lake").shape == (0, 0) and found.boxes[2].tolist() == [0, 0, 0, 0]
    found = ctm.segment(IMAGE, palette=[SEA, (63, 224, 56)])
    assert found.names == [SEA, ANTARCTICA]
    assert ctm.segment(np.array([[7, 8, 8]]), palette={7: "road", 9: "sky"}).names == ["road", "sky"]


def test_regions_of_a_name_are_one_mask() -> None:
    image = np.array([[1, 0, 1, 1], [0, 0, 0, 0]], np.uint8)
    found = ctm.segment(image, palette={"island": 1}, connected=4)
    assert found.names == ["island", "island"] and found.counts.tolist() == [2, 1]
    assert found["island"].tolist() == [[True, False, True, True], [False] * 4]
    assert found.crop("island").tolist() == [[True, False, True, True]] and found[1].sum() == 1


def test_repr(result: ctm.Segmentation) -> None:
    assert repr(result) == (
        "<ctm.Segmentation of 2048 x 1024 pixels, 216 masks: #aacde6 (1404003 pixels), #3fe038 (195731), #4b91a6 (94731), …>"
    )
    assert repr(ctm.segment(IMAGE, max_count=1)) == "<ctm.Segmentation of 6 x 2 pixels, 1 mask of 3 colours: #aacde6 (6 pixels)>"
    assert repr(ctm.segment(IMAGE, max_count=0)) == "<ctm.Segmentation of 6 x 2 pixels, 0 masks of 3 colours>"


def test_no_mask() -> None:
    found = ctm.segment(IMAGE, min_pixels=100)
    assert len(found) == 0 and list(found) == [] and found.names == [] and found.colors.shape == (0, 3)
    assert found.masks.shape == (0, 2, 6) and found.boxes.shape == (0, 4) and found.to_sam() == []
    assert found._repr_png_() and found._repr_html_() and not found.to_image().any()
    with pytest.raises(IndexError, match="there are none|there are 0"):
        found[0]


def test_more_masks_than_16_bits() -> None:
    found = ctm.segment(np.arange(70_000).reshape(1, -1))
    assert len(found) == 70_000 and found.labels.dtype == np.uint32 and found[69_999].sum() == 1 and found.names[69_999] == "69999"


def decoded(png: bytes) -> Any:
    """(rows, columns, 4) of a PNG file whose lines are not filtered."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + data)
        chunks[kind], at = data, at + 12 + size
    columns, rows = struct.unpack(">II", chunks[b"IHDR"][:8])
    return np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, -1)[:, 1:].reshape(rows, columns, 4)


def test_pictures(result: ctm.Segmentation, world: Any) -> None:
    from PIL import Image

    np.testing.assert_array_equal(result.to_image()[..., :3], world)
    assert (result.to_image()[..., 3] == 255).all()
    shown = decoded(result._repr_png_())
    assert shown.shape == (256, 512, 4)
    np.testing.assert_array_equal(shown[..., :3], world[::4, ::4])
    with Image.open(io.BytesIO(result._repr_png_())) as image:
        np.testing.assert_array_equal(np.asarray(image), shown)
    # Small ones are enlarged; what is in no mask is transparent; ids differ by hue.
    small = decoded(ctm.segment(IMAGE, max_count=2)._repr_png_())
    assert small.shape == (52, 156, 4) and (small[:, -26:] == 0).all() and (small[0, 0] == (170, 205, 230, 255)).all()
    ids = ctm.segment(np.array([[1, 2, 3, 4]])).to_image()[0]
    assert len(np.unique(ids, axis=0)) == 4
    floats = ctm.segment(IMAGE / np.float32(255)).to_image()
    np.testing.assert_array_equal(floats[..., :3], IMAGE)


def test_the_table_of_a_notebook(result: ctm.Segmentation) -> None:
    text = result._repr_html_()
    assert text.count("<tr>") == 1 + 12 + 1 and "204 more" in text and "background:#aacde6" in text and "66.95%" in text
    named = ctm.segment(IMAGE, palette={"<b>&": SEA})._repr_html_()
    assert "&lt;b&gt;&amp;" in named and "<b>" not in named and "in no mask</td><td>6</td><td>50.00%" in named


def test_sam(result: ctm.Segmentation) -> None:
    found = ctm.segment(IMAGE, palette={"none": "#000", "sea": SEA, "land": ANTARCTICA})
    masks = found.to_sam()
    assert [mask["name"] for mask in masks] == ["sea", "land"]
    assert [mask["area"] for mask in masks] == [6, 4] and [mask["bbox"] for mask in masks] == [[0, 0, 3, 2], [3, 0, 2, 2]]
    assert masks[1]["point_coords"] == [[3, 0]] and masks[1]["crop_box"] == [0, 0, 6, 2] and masks[0]["color"] == [170, 205, 230]
    np.testing.assert_array_equal(masks[1]["segmentation"], found["land"])


def test_runs_and_coco(result: ctm.Segmentation) -> None:
    from pycocotools import mask as coco

    assert len(result.runs) == 216 and result.runs.order == "columns" and all(runs.sum() == 2048 * 1024 for runs in result.runs)
    data = json.loads(json.dumps(result.to_coco(image_id=7, file_name="world.png", first_id=100)))
    assert data["images"] == [{"id": 7, "width": 2048, "height": 1024, "file_name": "world.png"}]
    assert [one["id"] for one in data["annotations"]] == list(range(100, 316)) and len(data["categories"]) == 216
    for number in (0, 1, 100, 215):
        one = data["annotations"][number]
        np.testing.assert_array_equal(coco.decode(one["segmentation"]).astype(bool), result[number])
        assert coco.area(one["segmentation"]) == one["area"] == result.counts[number] and one["image_id"] == 7
        assert coco.toBbox(one["segmentation"]).tolist() == one["bbox"] and data["categories"][number]["name"] == result.names[number]
    found = ctm.segment(IMAGE, palette={"none": "#000", "sea": SEA, "land": ANTARCTICA})
    data = found.to_coco(categories={"land": 9, "sea": 4, "sky": 1})
    assert [(one["id"], one["category_id"]) for one in data["annotations"]] == [(1, 4), (2, 9)]
    assert data["categories"] == [{"id": 9, "name": "land"}, {"id": 4, "name": "sea"}, {"id": 1, "name": "sky"}]
    with pytest.raises(ValueError, match="categories has no 'land', the name of mask 2; 'sea' are there"):
        found.to_coco(categories={"sea": 4})
    many = ctm.segment(np.arange(70_000).reshape(100, -1), max_count=66_000)
    assert many.runs[65_999].sum() == 70_000 and len(many.to_coco()["annotations"]) == 66_000
    assert ctm.segment(IMAGE, max_count=0).to_coco()["annotations"] == []


def test_npz(result: ctm.Segmentation, tmp_path: Any) -> None:
    result.to_npz(tmp_path / "world")
    with np.load(tmp_path / "world.npz") as file:
        assert sorted(file) == ["boxes", "centroids", "colors", "counts", "labels", "names"]
        for name in ("labels", "colors", "counts", "boxes", "centroids"):
            np.testing.assert_array_equal(file[name], getattr(result, name))
        assert file["names"].tolist() == result.names


def test_packages_that_are_not_there(result: ctm.Segmentation, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, make in (("pandas", result.to_dataframe), ("supervision", result.to_supervision)):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ModuleNotFoundError, match=f"needs {package}: pip install {package}"):
            make()


def test_pickled(result: ctm.Segmentation) -> None:
    other = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(other[SEA], result[SEA])
    assert repr(other) == repr(result)


def test_images_of_several_sizes(context: ctm.Context, world: Any) -> None:
    parts = [world[:300], world[:, 500:900], world[600:, :1000]]
    seen: list[float] = []
    together = context.segment(parts, min_pixels=20_000, progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1
    whole = np.concatenate([part.reshape(-1, 1, 3) for part in parts])
    colors, counts, _ = oracle(whole, 20_000)
    for part, found in zip(parts, together):
        np.testing.assert_array_equal(found.colors, colors)
        np.testing.assert_array_equal(found.masks, [(part == color).all(axis=2) for color in colors])
    np.testing.assert_array_equal(sum(found.counts for found in together), counts)
    for part, found in zip(parts, context.segment(tuple(parts), batch="each", max_count=3)):
        np.testing.assert_array_equal(found.colors, oracle(part, max_count=3)[0])
    assert context.segment([]) == [] and len(context.segment([world], max_count=2)) == 1
    with pytest.raises(ctm.CancelledError):
        context.segment(parts, progress=lambda done: done < 0.3)


def test_images_of_several_kinds() -> None:
    rgb, rgba = IMAGE, np.dstack([IMAGE, np.full((2, 6), 255, np.uint8)])
    first, second = ctm.segment([rgb, rgba])
    assert first.names == second.names == [SEA, ANTARCTICA, "#010203"] and (first.counts == second.counts).all()
    small, large = ctm.segment([np.array([[1, 1]]), np.array([[1, 70_000]])])
    assert small.names == large.names == ["1", "70000"] and large.counts.tolist() == [1, 1]
    masked = np.ma.masked_array(IMAGE, np.zeros(IMAGE.shape, bool))
    masked[0] = np.ma.masked
    first, second = ctm.segment([masked, IMAGE], max_count=1)
    assert first.counts.tolist() == [3] and second.counts.tolist() == [6]
    for images, text in [
        ([IMAGE, IMAGE / np.float32(255)], r"image\[1\] has values of type float32 and image\[0\] of type uint8; the same is expected"),
        ([IMAGE, IMAGE.astype(np.uint16)], r"image\[1\] has values of type uint16"),
        ([IMAGE, IMAGE[..., 0]], r"image\[1\] has 1 channels, others have 3; as many are expected, or batch='each'"),
        ([IMAGE, "x.tiff"], r"image\[1\] is 'x.tiff'; an image file"),
        ([[1, 2]], r"image\[0\] is a list"),
    ]:
        with pytest.raises(ValueError, match=text):
            ctm.segment(images)
    with pytest.raises(ValueError, match="connected is 4 and batch is 'all'"):
        ctm.segment([IMAGE], connected=4)
    with pytest.raises(ValueError, match="batch is 'first'; 'all' or 'each' is expected"):
        ctm.segment([IMAGE], batch="first")  # type: ignore[call-overload]
