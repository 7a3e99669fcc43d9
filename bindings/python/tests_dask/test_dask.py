"""A Dask array in chunks gives the bits of one call on the whole."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ctm.dask
import dask
import dask.array as da
import numpy as np
import pytest
import zarr
from distributed import Client, LocalCluster
from PIL import Image

ROOT = Path(__file__).parents[3]
MEMORY = 300 << 20  # Bytes that each of two workers may have.


@pytest.fixture(scope="session")
def world() -> Any:
    with Image.open(ROOT / "data/world-countries-2048.png") as image:
        return np.array(image.convert("RGB"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Client]:
    """Two worker processes."""
    with dask.config.set({"distributed.admin.low-level-log-length": 0}):
        with LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, memory_limit=MEMORY, dashboard_address=None
        ) as cluster, Client(cluster) as client:
            yield client


def same_as_one_call(array: Any, pixels: Any, layout: str | None = None, **settings: Any) -> ctm.dask.Result:
    found = ctm.dask.analyze(array, layout=layout, **settings)
    with ctm.Context("cpu") as context:
        expected = context.analyze(
            pixels, layout=layout, outputs=["labels", "masks", "palette"], mask_format="bool", **settings
        )
    assert expected.labels is not None and expected.masks is not None and expected.palette is not None
    assert found.mask_count == expected.mask_count
    palette = expected.palette if expected.palette.ndim == 2 else expected.palette[:, np.newaxis]  # (masks, images)
    np.testing.assert_array_equal(found.palette["color"], palette["color"][:, 0])
    np.testing.assert_array_equal(found.palette["pixel_count"], palette["pixel_count"].sum(1))
    np.testing.assert_array_equal(found.palette["stored"], palette["stored"][:, 0])
    for field in set(found.palette.dtype.names) - {"color", "pixel_count", "stored"}:
        if settings.get("connected") and field != "mask_offset":
            np.testing.assert_array_equal(found.palette[field], palette[field][:, 0])
        else:  # Where masks lie is not counted.
            assert not found.palette[field].any()
    labels, masks = dask.compute(found.labels, found.masks)
    for ours, theirs, lazy in [(labels, expected.labels, found.labels), (masks, expected.masks, found.masks)]:
        assert ours.dtype == theirs.dtype == lazy.dtype and ours.shape == theirs.shape == lazy.shape
        np.testing.assert_array_equal(ours, theirs)
    return found


@pytest.mark.parametrize("chunks", [(1024, 2048, 3), (300, 700, 3), (100, 2048, 1), (1024, 77, 2)])
def test_any_chunking(cluster: Client, world: Any, chunks: tuple[int, ...]) -> None:
    found = same_as_one_call(da.from_array(world, chunks), world, max_count=20, min_pixels=500)
    assert found.labels.chunks == da.from_array(world, chunks).chunks[:2]


@pytest.mark.parametrize(
    ("layout", "axes"), [("HW", None), ("CHW", (2, 0, 1)), ("NHWC", None), ("NCHW", (0, 3, 1, 2)), ("NHW", None)]
)
def test_layouts(layout: str, axes: tuple[int, ...] | None) -> None:
    shape = {"HW": (40, 50), "NHW": (3, 40, 50), "CHW": (40, 50, 3)}.get(layout, (3, 40, 50, 2))
    pixels = np.random.default_rng(1).integers(0, 3, shape).astype(np.uint16)
    if axes is not None:
        pixels = np.ascontiguousarray(pixels.transpose(axes))
    same_as_one_call(da.from_array(pixels, 13), pixels, layout)


@pytest.mark.parametrize(
    "settings",
    [
        {"palette": [[170, 205, 230], [1, 2, 3], [63, 224, 56]]},
        {"ignored": [[170, 205, 230]], "max_count": 5},
        {"max_count": 6, "nearest": "euclidean", "tolerance": 90.0},
        {"max_count": 6, "merge": "chebyshev", "merge_tolerance": 30.0},
        {"matching": "8-bit", "order": "BGR", "min_pixels": 10_000},
    ],
)
def test_settings(cluster: Client, world: Any, settings: dict[str, Any]) -> None:
    same_as_one_call(da.from_array(world, (400, 400, 3)), world, **settings)


@pytest.mark.parametrize(
    ("chunks", "settings"),
    [
        ((300, 700, 3), {"connected": 4, "max_count": 20}),
        ((1024, 97, 2), {"connected": 8, "min_pixels": 5000}),
        ((400, 400, 3), {"connected": 4, "max_count": 12, "palette": [[170, 205, 230], [63, 224, 56], [1, 2, 3]]}),
        ((400, 400, 3), {"connected": 8, "min_pixels": 20_000, "nearest": "euclidean", "tolerance": 90.0}),
    ],
)
def test_regions_over_chunks(cluster: Client, world: Any, chunks: tuple[int, ...], settings: dict[str, Any]) -> None:
    found = same_as_one_call(da.from_array(world, chunks), world, **settings)
    assert (found.counts is None) == ("nearest" not in settings)
    assert len(found.regions.compute().select(**settings)) == found.mask_count


def test_regions_of_layouts() -> None:
    pixels = np.random.default_rng(2).integers(0, 3, (1, 40, 30, 2)).astype(np.uint8)
    same_as_one_call(da.from_array(pixels, (1, 13, 7, 2)), pixels, "NHWC", connected=4)
    planes = np.ascontiguousarray(pixels[0].transpose(2, 0, 1))
    same_as_one_call(da.from_array(planes, (1, 11, 9)), planes, "CHW", connected=8)
    with pytest.raises(ValueError, match="array has 2 images; with connected one is expected"):
        ctm.dask.analyze(da.zeros((2, 8, 8), dtype="u1"), layout="NHW", connected=4)


def test_more_than_the_workers_hold(cluster: Client, world: Any, tmp_path: Path) -> None:
    """A Zarr store of 805 MB of pixels, on workers that may have 600 MB together, to a Zarr store of labels."""
    side, tile = 16_384, 2_048
    store = zarr.open_array(str(tmp_path / "map.zarr"), mode="w", shape=(side, side, 3), chunks=(tile, tile, 3), dtype="u1")
    pixels = np.empty((side, side, 3), np.uint8)
    for number, (y, x) in enumerate(np.ndindex(side // tile, side // tile)):
        turned = np.roll(np.concatenate([world, world[::-1]]), 97 * number, (0, 1))
        turned[: number + 1, :50, 0] = number  # Colours and counts differ from tile to tile.
        part = slice(y * tile, (y + 1) * tile), slice(x * tile, (x + 1) * tile)
        store[part] = pixels[part] = turned
    assert pixels.nbytes > 2 * MEMORY
    found = ctm.dask.analyze(da.from_zarr(str(tmp_path / "map.zarr")), min_pixels=1000)
    found.labels.to_zarr(str(tmp_path / "labels.zarr"))
    with ctm.Context("cpu") as context:
        expected = context.analyze(pixels, min_pixels=1000, outputs=["labels", "palette"])
    assert expected.palette is not None
    for field in ("color", "pixel_count"):
        np.testing.assert_array_equal(found.palette[field], expected.palette[field])
    np.testing.assert_array_equal(zarr.open_array(str(tmp_path / "labels.zarr"))[:], expected.labels)


def test_many_masks_and_none() -> None:
    pixels = np.arange(400, dtype=np.float32).reshape(20, 20)
    assert same_as_one_call(da.from_array(pixels, 7), pixels).labels.dtype == np.uint16
    assert same_as_one_call(da.from_array(pixels, 7), pixels, min_pixels=2).mask_count == 0


def test_counts_are_a_tree(world: Any) -> None:
    array = da.from_array(world, (200, 300, 3))
    one, many = (ctm.dask.count(array, split_every=branches).compute() for branches in (2, 100))
    whole = ctm.Counts(ctm.default_context())
    whole.add(world)
    assert one.to_bytes() == many.to_bytes() == whole.to_bytes()


def test_runs_and_outlines_of_the_whole(world: Any) -> None:
    array = da.from_array(world, (200, 300, 3))
    result = ctm.dask.analyze(array, min_pixels=1000)
    whole = ctm.analyze(world, min_pixels=1000, outputs=[], runs="columns", outlines=4, outlines_tolerance=1.5)
    assert whole.runs is not None and whole.outlines is not None
    for branches in (2, 100):
        mosaic = ctm.dask.mosaic(result.labels, split_every=branches).compute()
        np.testing.assert_array_equal(mosaic.runs(result.mask_count).counts, whole.runs.counts)
        outlines = mosaic.outlines(result.mask_count, tolerance=1.5)
        np.testing.assert_array_equal(outlines.points, whole.outlines.points)
        np.testing.assert_array_equal(outlines.ring_exteriors, whole.outlines.ring_exteriors)
    lands = ctm.dask.analyze(array, connected=8, min_pixels=1000)
    regions = ctm.analyze(world, connected=8, min_pixels=1000, outputs=[], outlines=True).outlines
    borders = ctm.dask.mosaic(lands.labels).compute().outlines(lands.mask_count, connected=8)
    assert regions is not None
    np.testing.assert_array_equal(borders.points, regions.points)
    np.testing.assert_array_equal(borders.ring_offsets, regions.ring_offsets)
    with pytest.raises(ValueError, match=r"labels has 3 dimensions; \(rows, columns\) of one image are expected"):
        ctm.dask.mosaic(da.zeros((2, 5, 5), dtype="u1"))
    with pytest.raises(ValueError, match="split_every is 1"):
        ctm.dask.mosaic(result.labels, split_every=1)


def test_the_programs_of_the_page(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[3]
    (tmp_path / "data").symlink_to(root / "data")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    # In this process: workers of other tests' clusters are in another folder, where they would leave the page's stores.
    with dask.config.set(scheduler="threads"):
        for block in re.findall(r"```python\n(.*?)```", (root / "docs/dask.md").read_text(encoding="utf-8"), re.DOTALL):
            exec(block, names)
    assert (tmp_path / "map.zarr").is_dir() and (tmp_path / "labels.zarr").is_dir()
    assert len(names["outlines"]) == names["result"].mask_count and len(names["borders"]) == names["lands"].mask_count


def test_without_dask() -> None:
    """The import says what to install."""
    code = "import sys; sys.modules['dask'] = None; import ctm.dask"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(r"ModuleNotFoundError: .*dask.*: ctm\.dask needs Dask, .*pip install \".*\[dask\]\"$", done.stderr.strip())


def test_clear_words(world: Any) -> None:
    array = da.from_array(world, 500)
    refused: list[tuple[type[Exception], str, Any, dict[str, Any]]] = [
        (TypeError, "array is a ndarray; a Dask array is expected", world, {}),
        (ValueError, "layout is 'WHC'", array, {"layout": "WHC"}),
        (ValueError, "rectangle is given; it has no meaning", array, {"rectangle": (0, 0, 1, 1)}),
        (ValueError, "label_format is 'uint8'; there are 400 masks", da.arange(400, dtype="f4").reshape(20, 20), {"label_format": "uint8"}),
        (ValueError, "mask_format is 'bits'; 'bool', 'uint8' or 'float32' is expected", array, {"mask_format": "bits"}),
        (ValueError, "split_every is 1", array, {"split_every": 1}),
        (TypeError, "context is a Context; a dict of its arguments is expected", array, {"context": ctm.default_context()}),
        (TypeError, "float64", array.astype(float), {}),
    ]
    for kind, text, given, settings in refused:
        with pytest.raises(kind, match=text):
            ctm.dask.analyze(given, **settings)


def test_masked_arrays_are_refused() -> None:
    masked = da.ma.masked_equal(da.from_array(np.zeros((8, 8), np.float32), chunks=4), 1.0)
    with pytest.raises(TypeError, match=r"array is a masked array, .*; pass dask.array.ma.filled\(array, …\)"):
        ctm.dask.analyze(masked)


def test_typed_options_are_those_that_are_taken() -> None:
    from ctm import _options

    taken = set(inspect.signature(ctm.Context.analyze).parameters) - {"self", "image", "mask_format", "label_format", *ctm.dask._REFUSED}
    assert set(_options.DaskOptions.__annotations__) == taken
    assert set(inspect.signature(ctm.dask.analyze).parameters) == taken | {"array", "mask_format", "label_format", "context", "split_every"}
    assert set(_options.ReadingOptions.__annotations__) == set(ctm.dask._READING)
