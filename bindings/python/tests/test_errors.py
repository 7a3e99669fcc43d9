"""Clear words for whatever is wrong or missing."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest
from ctm import _buffers
from ctm._errors import from_status
from ctm._library import lib

PIXELS = np.zeros((4, 5, 3), np.float32)


class OnGpu:
    """What a tensor on a GPU shows of itself."""

    device = "cuda:0"

    def __dlpack__(self, **arguments: Any) -> Any:
        raise AssertionError("must not be asked for")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0


class CudaArray:
    __cuda_array_interface__: dict[str, Any] = {}


class WithGradient:
    requires_grad = True


class Wrapped:
    """What a data set's variable shows of itself."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array


MASKED = np.ma.masked_array(PIXELS.copy())
MASKED[1, 2] = np.ma.masked

REFUSED: list[tuple[type[Exception], str, Any, dict[str, Any]]] = [
    (TypeError, "image is on cuda:0; ctm reads memory of the host: pass image.cpu()", OnGpu(), {}),
    (TypeError, "image is on a GPU; ctm reads memory of the host: pass image.cpu()", CudaArray(), {}),
    (TypeError, "requires a gradient, and masks have none; pass image.detach()", WithGradient(), {}),
    (TypeError, "image has values of type float64; float32, float16, uint16, uint8, uint32, int32 or bool is expected", PIXELS.astype(float), {}),
    (TypeError, "image is a list; a numpy array, or an object with DLPack or the buffer protocol, is expected", [[1, 2]], {}),
    (ValueError, "image has 1 dimensions; 2 to 4 are expected", np.zeros(3, np.uint8), {}),
    (ValueError, r"image has 200 channels; 1 to 4 are supported; is it layout='CHW'\?", np.zeros((3, 100, 200), np.uint8), {}),
    (ValueError, "image has the layout 'HWX'", PIXELS, {"layout": "HWX"}),
    (ValueError, r"image has the shape \(4, 5, 3\) and layout is 'NCHW'; they do not fit", PIXELS, {"layout": "NCHW"}),
    (ValueError, "the image's width is 0; at least 1 is expected", PIXELS[:, :0], {}),
    (ValueError, "image has 0 images; at least 1 is expected", PIXELS[np.newaxis][:0], {}),
    (ValueError, "order is 'GBR'; 'RGBA', 'RGB', .* or 'ABGR' is expected", PIXELS, {"order": "GBR"}),
    (ValueError, "channels is 3; they do not go together", PIXELS, {"order": "ARGB"}),
    (ValueError, "min_pixels is -1; 0 to 18446744073709551615 is expected", PIXELS, {"min_pixels": -1}),
    (TypeError, "max_count is 2.5; an integer is expected", PIXELS, {"max_count": 2.5}),
    (ValueError, "matching is 7; 'exact' or '8-bit' is expected", PIXELS, {"matching": 7}),
    (ValueError, "nearest is 'x'; None, 'euclidean' or 'chebyshev' is expected", PIXELS, {"nearest": "x"}),
    (ValueError, r"palette has the shape \(1, 2\); \(colours, 3 to 4 values\) is expected", PIXELS, {"palette": [[1, 2]]}),
    (TypeError, "ignored is no table of numbers", PIXELS, {"ignored": [["red"]]}),
    (ValueError, "^tolerance is -1", PIXELS, {"nearest": "euclidean", "tolerance": -1.0}),
    (ValueError, "no palette is given", PIXELS, {"unlisted": "error"}),
    (ValueError, "the rectangle's width is 0; at least 1", PIXELS, {"rectangle": (0, 0, 0, 1)}),
    (ValueError, "the rectangle's left is 3", PIXELS, {"rectangle": (3, 0, 5, 1)}),
    (ValueError, "outputs is 'masks'; a list", PIXELS, {"outputs": "masks"}),
    (ValueError, "mask_format is 'int8'", PIXELS, {"mask_format": "int8"}),
    (TypeError, r"image is a masked array, .* 3 values are masked; pass numpy.ma.filled\(image, numpy.nan\)", MASKED, {}),
    (TypeError, r"pass numpy.ma.filled\(image, value\), and the colour .* `ignored`", MASKED.astype(np.uint8), {}),
    (TypeError, "image is a masked array", Wrapped(MASKED), {}),
    (TypeError, r"palette is a masked array, .*; pass numpy.ma.filled\(palette, …\)", PIXELS, {"palette": MASKED[1]}),
    (TypeError, "out_masks is a masked array", PIXELS, {"out_masks": MASKED.transpose(2, 0, 1)}),
    (TypeError, "image has values of type complex64", PIXELS.astype(np.complex64), {}),
    (TypeError, "image has values of type object", PIXELS.astype(object), {}),
    (TypeError, "image has values of type .*'r'", np.zeros((4, 5), [("r", "u1"), ("g", "u1")]), {}),
    (TypeError, "palette is no table of numbers: its values are of type complex", PIXELS, {"palette": [[1j, 0, 0]]}),
    (TypeError, "palette is no table of numbers: its values are of type object", PIXELS, {"palette": [[None, 0, 0]]}),
    (TypeError, "palette is no table of numbers: its values are of type <U1", PIXELS, {"palette": [["1", "2", "3"]]}),
    (ValueError, "palette has the value 16777217, which a 32-bit float", PIXELS, {"palette": [[(1 << 24) + 1, 0, 0]]}),
    (ValueError, "ignored has the value 9007199254740993, which", PIXELS, {"ignored": [[(1 << 53) + 1, 0, 0]]}),
    (ValueError, r"ignored has the value 1e\+40, which a 32-bit float", PIXELS, {"ignored": [[1e40, 0, 0]]}),
]


@pytest.mark.parametrize(("kind", "text", "image", "settings"), REFUSED, ids=[case[1][:40] for case in REFUSED])
def test_refused(context: ctm.Context, kind: type[Exception], text: str, image: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(kind, match=text) as caught:
        context.analyze(image, **settings)
    assert isinstance(caught.value, ctm.InvalidArgumentError) and caught.value.status == 1
    assert context.masks(PIXELS).shape == (1, 4, 5)  # The context is as good as before.


def test_errors_have_the_names_of_arguments(cpu: ctm.Context) -> None:
    """Not those of fields in C, which callers of Python never see."""
    pixels = np.array([[7, 7, 8]], np.uint8)
    result = ctm.segment(pixels)
    mosaic = ctm.Mosaic(cpu, (1, 3))
    mosaic.add(np.array([[1, 1, 2]], np.uint8))
    regions = ctm.Regions(cpu, (1, 3))
    regions.add(pixels, (0, 0), connected=4)
    memory = np.zeros((3, 1, 3), np.uint8)
    cases: list[tuple[Any, str]] = [
        (lambda: result.simplified_outlines(-1), "tolerance is -1; a finite number of pixels, 0 or more, is expected"),
        (lambda: result.to_coco(polygons=True, tolerance=np.inf), "tolerance is inf; a finite number of pixels"),
        (lambda: result.simplified_outlines("far"), "tolerance is 'far'; a number is expected"),  # type: ignore[arg-type]
        (lambda: mosaic.outlines(2, tolerance=-1), "tolerance is -1; a finite number of pixels"),
        (lambda: mosaic.outlines(2, connected=5), "connected is 5; 0, 4 or 8 is expected"),  # type: ignore[arg-type]
        (lambda: mosaic.runs(2, order="x"), "order is 'x'; 'rows' or 'columns' is expected"),  # type: ignore[arg-type]
        (lambda: ctm.segment(pixels, absorb_unmasked="all"), "absorb_unmasked is 'all'; an integer is expected"),  # type: ignore[call-overload]
        (lambda: ctm.segment([pixels], absorb_unmasked="all"), "absorb_unmasked is 'all'; an integer is expected"),  # type: ignore[call-overload]
        (lambda: ctm.segment([pixels], connected="x"), "connected is 'x'; an integer is expected"),  # type: ignore[call-overload]
        (lambda: ctm.segment(pixels, unmix_radius=99), "unmix_radius is 99; 0"),
        (lambda: ctm.segment(pixels, layout=5), "image has the layout 5; 'HWC'"),  # type: ignore[call-overload]
        (lambda: ctm.segment(pixels, progress=5), "progress is 5; a function of a number from 0 to 1 is expected"),  # type: ignore[call-overload]
        (lambda: ctm.segment(pixels, rectangle=5), r"rectangle is 5; \(left, top, width, height\) is expected"),  # type: ignore[call-overload]
        (lambda: ctm.segment(pixels, order="BGR"), "order is 'bgra' and channels is 1"),
        (lambda: ctm.segment(pixels, palette=[7], ignored=[7]), r"ignored\[0\] is the same colour as palette\[0\]"),
        (lambda: ctm.analyze(pixels, rectangle=(0, 0, -1, 1)), "the rectangle's width is -1; 0 to 4294967295 is expected"),
        (lambda: ctm.analyze(pixels, tolerance=3), "tolerance is 3 and nearest is None; 0 is expected"),
        (lambda: ctm.analyze(pixels, palette=[300]), r"palette\[0\]: channel 0 is 300; an integer from 0 to 255"),
        (lambda: ctm.analyze(pixels, outlines=5), "outlines is 5; 0 .as connected., 4 or 8"),  # type: ignore[arg-type]
        (lambda: ctm.analyze(pixels, regions=regions, place=(1, 0), connected=4), r"place\[0\] is 1 and place\[1\] is 0"),
        (lambda: ctm.analyze(pixels, out_masks=memory[:2], out_labels=memory[0]), r"out_labels \(.*\) overlaps out_masks"),
        (lambda: ctm.analyze(memory[:, 0], out_labels=memory[:, 0]), r"out_labels \(.*\) overlaps image \("),
        (lambda: regions.add(pixels.astype(np.uint16), (0, 0), connected=4), "the image's format is u16"),
        (lambda: ctm.Context(memory_limit=1), "memory_limit is 1; "),
        (lambda: ctm.Context(device=5), "device is 5; a part of a device's name is expected"),  # type: ignore[arg-type]
        (lambda: ctm.Context(pipeline_cache="x"), "pipeline_cache is 'x'; .*bytes, is expected"),  # type: ignore[arg-type]
        (lambda: ctm.Context(logger=5), "logger is 5; a logging.Logger is expected"),  # type: ignore[arg-type]
    ]
    for call, text in cases:
        with pytest.raises(ctm.InvalidArgumentError, match=f"^{text}"):
            call()


def test_masks_that_are_not_there() -> None:
    result = ctm.segment(np.array([[7, 7, 4_000_000_000]]))
    for number in (2, -3, 4_000_000_000, 1 << 70):
        for several in (result, result.runs, result.outlines):
            with pytest.raises(IndexError, match=f"^there is no mask {number}; there are 2, numbered from 0$"):
                several[number]


def test_arrays_of_other_classes(context: ctm.Context) -> None:
    # A mask that hides nothing, and a class whose views always have two dimensions.
    assert context.masks(np.ma.masked_array(PIXELS)).shape == (1, 4, 5)
    assert context.masks(np.ma.masked_array(PIXELS, np.zeros_like(PIXELS, bool))).shape == (1, 4, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert context.masks(np.matrix(PIXELS[:, :, 0])).shape == (1, 4, 5)
    # As the error says.
    filled = np.ma.filled(MASKED, np.nan)
    assert context.masks(filled).sum() == 19


def test_contexts_that_cannot_be() -> None:
    with pytest.raises(ctm.NoDeviceError, match="no such device") as caught:
        ctm.Context("vulkan", device="no such device")
    assert caught.value.status == 5
    for text, settings in [
        ("backend is 'gpu'; 'auto', 'vulkan' or 'cpu' is expected", {"backend": "gpu"}),
        ("memory_limit is 1", {"memory_limit": 1}),
        ("threads is -1", {"threads": -1}),
    ]:
        with pytest.raises(ValueError, match=text):
            ctm.Context(**settings)  # type: ignore[arg-type]


def test_out_of_memory() -> None:
    # 9 million different colours are more than 32 MiB can list.
    pixels = np.arange(9_000_000, dtype=np.float32).reshape(3000, 3000)
    with ctm.Context("cpu", memory_limit=32 << 20) as context, pytest.raises(MemoryError) as caught:
        context.analyze(pixels, outputs=["labels"], nearest="euclidean", tolerance=1.0, max_count=1)
    assert isinstance(caught.value, ctm.OutOfMemoryError)


def test_more_masks_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(1 << 20, dtype=np.float32).reshape(1024, 1024)  # A mask each: 4 TiB, which some systems promise.
    buffer, most = _buffers._Buffer, 1 << 28
    ctm.free_memory()

    def little_memory(size: int) -> Any:
        if size > most:
            raise ctm.OutOfMemoryError("Unable to allocate")
        return buffer(size)

    monkeypatch.setattr(_buffers, "_Buffer", little_memory)
    with ctm.Context("cpu") as context:
        with pytest.raises(MemoryError) as caught:
            context.masks(pixels)
        assert isinstance(caught.value, ctm.OutOfMemoryError)
        assert str(caught.value) == "Unable to allocate (1048576 masks: give min_pixels or max_count)"
        most = 1 << 20
        with pytest.raises(ctm.OutOfMemoryError, match="Unable to allocate$"):
            context.analyze(np.zeros_like(pixels), outputs=["masks"], cropped=True)


def test_closed() -> None:
    context = ctm.Context("cpu")
    assert "cpu" in repr(context)
    context.close()
    context.close()
    assert repr(context) == "<ctm.Context: closed>"
    with pytest.raises(ValueError, match="the context is closed"):
        context.masks(PIXELS)


def imported(**environment: str) -> str:
    """The last line of what a Python says that imports ctm."""
    done = subprocess.run(
        [sys.executable, "-c", "import ctm; print('imported', ctm.library_path)"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    return (done.stderr or done.stdout).strip().splitlines()[-1]


def library(tmp_path: Path, code: str) -> str:
    """A library made of a line of C."""
    source, path = tmp_path / "library.c", tmp_path / "libctm.so"
    source.write_text(code)
    subprocess.run(["gcc", "-shared", "-fPIC", str(source), "-o", str(path)], check=True)
    return str(path)


def test_library_not_found(tmp_path: Path) -> None:
    text = imported(CTM_LIBRARY=str(tmp_path / "nowhere.so"))
    assert text.startswith("ctm._errors.LibraryNotFoundError: libctm cannot be loaded (named by CTM_LIBRARY): ")
    assert "nowhere.so" in text and "let CTM_LIBRARY name the library's file" in text


def test_library_too_old(tmp_path: Path) -> None:
    path = library(tmp_path, 'const char *ctm_version(void) { return "0.0.9"; }')
    text = imported(CTM_LIBRARY=path)
    assert f"{path} is version 0.0.9 of libctm; {ctm.__version__} or newer, but below 1.0, is expected" in text


def test_library_too_new(tmp_path: Path) -> None:
    path = library(tmp_path, 'const char *ctm_version(void) { return "1.0.0"; }')
    assert "but below 1.0, is expected" in imported(CTM_LIBRARY=path)


def test_library_lacks_a_function(tmp_path: Path) -> None:
    path = library(tmp_path, f'const char *ctm_version(void) {{ return "{ctm.__version__}"; }}')
    assert f"{path} has no function ctm_" in imported(CTM_LIBRARY=path)


def test_another_library(tmp_path: Path) -> None:
    assert "it is not libctm" in imported(CTM_LIBRARY=library(tmp_path, "int x;"))
    assert imported(CTM_LIBRARY=ctm.library_path) == f"imported {ctm.library_path}"


def test_each_status_has_a_class_of_its_own() -> None:
    numbers = {getattr(lib, name) for name in dir(lib) if name.startswith("CTM_ERROR_")}
    assert len(numbers) > 9
    for number in numbers:
        error = from_status(number, "why")
        assert type(error) is not ctm.Error and type(error).status == error.status == number
        assert type(error).__name__ in ctm.__all__
    unknown = from_status(99, "why")
    assert type(unknown) is ctm.Error and unknown.status == 99
