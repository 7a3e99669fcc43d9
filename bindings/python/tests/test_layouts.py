"""Views of all kinds are read where they lie; what cannot be is copied, with a warning. The masks are the same."""

from __future__ import annotations

import array
import warnings
from typing import Any, Callable

import ctm
import numpy as np
import pytest
from conftest import oracle
from ctm._image import describe


def noise(*shape: int, dtype: Any = np.uint8) -> Any:
    """Pixels of few values, so that colours repeat."""
    return np.random.default_rng(7).integers(0, 3, shape).astype(dtype)


# A view, the layout to tell (None: rows, columns, channels), the order to tell, what it looks like to numpy.
VIEWS: dict[str, tuple[Any, str | None, str, Callable[[Any], Any]]] = {
    "contiguous": (noise(9, 11, 3), None, "RGB", lambda view: view),
    "bottom up": (noise(9, 11, 3)[::-1], None, "RGB", lambda view: view),
    "part": (noise(30, 40, 3)[5:14, 7:18], None, "RGB", lambda view: view),
    "every second row and column": (noise(18, 22, 3)[::2, ::2], None, "RGB", lambda view: view),
    "without alpha": (noise(9, 11, 4)[..., :3], None, "RGB", lambda view: view),
    "one channel of four": (noise(9, 11, 4)[..., 2], None, "RGB", lambda view: view[..., None]),
    "grey": (noise(9, 11), None, "RGB", lambda view: view[..., None]),
    "backwards channels": (noise(9, 11, 3)[..., ::-1], None, "RGB", lambda view: view),
    "backwards four channels": (noise(9, 11, 4)[..., ::-1], None, "RGBA", lambda view: view),
    "told BGR": (noise(9, 11, 3), None, "BGR", lambda view: view[..., ::-1]),
    "told BGR, backwards": (noise(9, 11, 3)[..., ::-1], None, "BGR", lambda view: view[..., ::-1]),
    "told ARGB": (noise(9, 11, 4), None, "ARGB", lambda view: view[..., [1, 2, 3, 0]]),
    "told ABGR": (noise(9, 11, 4), None, "ABGR", lambda view: view[..., ::-1]),
    "told BGRA, backwards": (noise(9, 11, 4)[..., ::-1], None, "BGRA", lambda view: view[..., [2, 1, 0, 3]]),
    "planes": (noise(3, 9, 11), "CHW", "RGB", lambda view: view.transpose(1, 2, 0)),
    "planes as a view": (noise(3, 9, 11).transpose(1, 2, 0), None, "RGB", lambda view: view),
    "planes of a part": (noise(3, 20, 30)[:, 3:12, 5:16], "CHW", "RGB", lambda view: view.transpose(1, 2, 0)),
    "planes backwards": (noise(4, 9, 11)[::-1], "CHW", "RGBA", lambda view: view.transpose(1, 2, 0)),
    "one row": (noise(1, 11, 3), None, "RGB", lambda view: view),
    "one column": (noise(9, 1, 3), None, "RGB", lambda view: view),
    "float32": (noise(9, 11, 3, dtype=np.float32), None, "RGB", lambda view: view),
    "float16": (noise(9, 11, 2, dtype=np.float16), None, "RGB", lambda view: view),
    "uint16": (noise(9, 11, 3, dtype=np.uint16), None, "RGB", lambda view: view),
    "bool": (noise(9, 11) > 1, None, "RGB", lambda view: view[..., None]),
    "misaligned": (np.frombuffer(b"x" + noise(9, 11, 3, dtype=np.float32).tobytes(), np.float32, offset=1).reshape(9, 11, 3), None, "RGB", lambda view: view),
}
COPIED: dict[str, tuple[Any, str | None, str, Callable[[Any], Any]]] = {
    "mirrored": (noise(9, 11, 3)[:, ::-1], None, "RGB", lambda view: view),
    "rows and columns exchanged": (noise(11, 9, 3).transpose(1, 0, 2), None, "RGB", lambda view: view),
    "repeated row": (np.broadcast_to(noise(1, 11, 3), (9, 11, 3)), None, "RGB", lambda view: view),
    "backwards two channels": (noise(9, 11, 2)[..., ::-1], None, "RGB", lambda view: view),
    "planes by row": (noise(9, 3, 11), "HCW", "RGB", lambda view: view.transpose(0, 2, 1)),
    "big-endian": (noise(9, 11, 3, dtype=">u2"), None, "RGB", lambda view: view),
}


def check(context: ctm.Context, view: Any, layout: str | None, order: str, logical: Any) -> None:
    result = context.analyze(view, layout=layout, order=order, mask_format="bool")
    colors, counts, masks = oracle(logical)
    assert result.masks is not None and result.palette is not None
    np.testing.assert_array_equal(result.palette["color"][:, : colors.shape[1]], colors)
    np.testing.assert_array_equal(result.palette["pixel_count"], counts)
    np.testing.assert_array_equal(result.masks, masks)


@pytest.mark.parametrize("name", VIEWS)
def test_read_where_they_lie(context: ctm.Context, name: str) -> None:
    view, layout, order, logical = VIEWS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.shares_memory(describe(view, layout, order, None).pixels, view)
        check(context, view, layout, order, logical(view))


@pytest.mark.parametrize("name", COPIED)
def test_copied_with_a_warning(context: ctm.Context, name: str) -> None:
    view, layout, order, logical = COPIED[name]
    with pytest.warns(ctm.CopyWarning, match=rf"image was copied \({view.nbytes} bytes\): ") as caught:
        check(context, view, layout, order, logical(view))
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_batches_in_both_layouts(context: ctm.Context, layout: str) -> None:
    images = noise(4, 9, 11, 3)
    view = np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if layout == "NCHW" else images
    result = context.analyze(view, layout=layout, outputs=["masks", "labels"])
    colors, _, masks = oracle(images.reshape(-1, 11, 3))
    assert result.masks is not None and result.labels is not None
    np.testing.assert_array_equal(result.masks, masks.reshape(len(colors), 4, 9, 11))
    assert result.labels.shape == (4, 9, 11)


def test_every_second_image_is_no_copy(cpu: ctm.Context) -> None:
    images = noise(6, 9, 11)
    result = cpu.analyze(images[::2], layout="NHW", mask_format="bool")
    assert result.masks is not None
    np.testing.assert_array_equal(result.masks, oracle(images[::2].reshape(-1, 11, 1))[2].reshape(-1, 3, 9, 11))


def test_buffers(context: ctm.Context) -> None:
    pixels = noise(9, 11, 3)
    expected = context.masks(pixels)
    for buffer in (memoryview(pixels), memoryview(pixels.tobytes()).cast("B", (9, 11, 3))):
        np.testing.assert_array_equal(context.masks(buffer), expected)
    line = array.array("f", [0, 1, 1, 0, 1])
    np.testing.assert_array_equal(context.masks(memoryview(line).cast("B").cast("f", (1, 5)))[0], [[0, 1, 1, 0, 1]])


def test_pillow(context: ctm.Context) -> None:
    from PIL import Image

    pixels = noise(9, 11, 3)
    np.testing.assert_array_equal(context.masks(Image.fromarray(pixels)), context.masks(pixels))


def test_dlpack_of_others(context: ctm.Context) -> None:
    class Exporter:
        """An array of some library that numpy knows nothing of."""

        def __init__(self, pixels: Any) -> None:
            self.pixels = pixels

        def __dlpack__(self, **arguments: Any) -> Any:
            return self.pixels.__dlpack__(**arguments)

        def __dlpack_device__(self) -> Any:
            return self.pixels.__dlpack_device__()

    pixels = noise(9, 11, 3)
    assert np.shares_memory(describe(Exporter(pixels), None, "RGB", None).pixels, pixels)
    np.testing.assert_array_equal(context.masks(Exporter(pixels)), context.masks(pixels))


def test_pixels_are_not_written_to(context: ctm.Context) -> None:
    pixels = noise(9, 11, 3)
    pixels.flags.writeable = False
    before = pixels.copy()
    context.analyze(pixels)
    np.testing.assert_array_equal(pixels, before)
