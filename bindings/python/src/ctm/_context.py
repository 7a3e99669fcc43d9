"""Contexts, and the one call that does everything."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from numpy.typing import NDArray

from ._abi import ffi
from ._arguments import choice, unsigned
from ._buffers import has_written
from ._calls import Call, Progress, interruptible, log_callback, log_level
from ._errors import BufferTooSmallError, InvalidArgumentError
from ._image import Image, describe
from ._library import failure, lib, text
from ._outputs import MERGED_DTYPE, PALETTE_DTYPE, Labels, Masks, new_outputs, write_entries
from ._params import make_params, takes_long
from ._runs import Runs, RunsTarget

_BACKENDS = {"auto": lib.CTM_BACKEND_AUTO, "vulkan": lib.CTM_BACKEND_VULKAN, "cpu": lib.CTM_BACKEND_CPU}
_OUTPUTS = ("masks", "labels", "palette")
# Memory that is set aside, not touched, before it is known how many masks there are.
_GUESSED_BYTES = 1 << 30


class CountedParts(Protocol):
    """`Counts`, as far as a context knows of them."""

    handle: Any


@dataclass(frozen=True)
class Result:
    """What a call has found. Arrays that were not asked for are None.

    In the shapes, `images` is there only where the image has such an axis.
    """

    mask_count: int
    """How many masks there are."""
    masks: NDArray[Any] | None
    """(masks, images, rows, columns); packed bits have (columns + 7) // 8 bytes in a row, as `numpy.unpackbits` reads
    them. Where `out_masks` was given, the part of it that was written."""
    crops: list[Any] | None
    """With `cropped=True`, in place of `masks`: each mask's bounding box as an array; with several images, a list for
    each mask."""
    labels: NDArray[Any] | None
    """(images, rows, columns): 0 where a pixel is in no mask, else the number of its mask plus one."""
    palette: NDArray[Any] | None
    """(masks, images), with the fields of `ctm_palette_entry`: color, pixel_count, left, top, width, height, …; ids are
    exact in `stored`."""
    runs: Runs | None
    """The masks as run lengths, if `runs` asked for them."""
    unlisted: NDArray[Any] | None
    """The most frequent colours that a given palette does not have, as palette entries."""
    merged: NDArray[Any] | None
    """The most frequent colours that `merge` has made others: color, into, pixel_count."""
    distinct_colors: int | None
    """How many different colours there are, None where that was not found out."""
    unlisted_pixels: int
    """Pixels whose colours a given palette does not have, if they were looked for."""
    unlisted_colors: int
    """How many such colours there are."""
    merged_pixels: int
    """Pixels whose colours `merge` has made others."""
    merged_colors: int
    """How many such colours there are."""


class Context:
    """A backend with its device, memory and threads: made once, used for many images.

    It can be used from several threads; its calls then run one after the other, other Python threads meanwhile.
    Use it in a `with` statement, or call `close`, to give back what it holds at a time of your choice.
    """

    def __init__(
        self,
        backend: str = "auto",
        device: str | None = None,
        threads: int = 0,
        memory_limit: int = 0,
        device_timeout_ms: int = 0,
        pipeline_cache: bytes | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        """
        backend: "auto" (the CPU, or a hardware Vulkan device where that has proved to be faster), "vulkan" or "cpu".
        device: part of a Vulkan device's name, as `ctm.devices()` lists them.
        threads: threads at most, the calling one included; 0: one per processor.
        memory_limit: bytes that the context may hold during a call; 0: as many as serve the speed, else at least 32 MiB.
        device_timeout_ms: after so long the device counts as hung; 0: a minute.
        pipeline_cache: what `pipeline_cache()` gave in an earlier process.
        logger: gets what the library has to say, as far as its level wants it; messages of level DEBUG tell how each
            call was done.
        """
        options = ffi.new("ctm_options *", {"struct_size": ffi.sizeof("ctm_options")})
        options.backend = choice("backend", backend, _BACKENDS)
        options.max_threads = unsigned("threads", threads, 32)
        options.memory_limit = unsigned("memory_limit", memory_limit, 64)
        options.device_timeout_ms = unsigned("device_timeout_ms", device_timeout_ms, 32)
        name = ffi.NULL if device is None else ffi.new("char[]", device.encode())
        options.device_name = name
        cache = ffi.NULL if pipeline_cache is None else ffi.from_buffer(pipeline_cache)
        options.pipeline_cache = cache
        options.pipeline_cache_size = len(pipeline_cache or b"")
        log = ffi.NULL
        if logger is not None:
            options.log = log = log_callback(logger)
            options.log_level = log_level(logger)
        # Keeps a call and its error text together. A callback may try another call, which the library refuses.
        self._lock = threading.RLock()
        # Held where the context is used beside a call: it must not be closed meanwhile.
        self._closing = threading.RLock()
        self._at_work: int | None = None
        self._last_count = 0
        self._handle: Any = None
        handle = ffi.new("ctm_context **")
        with Call(self._cancel_if_open):
            status = lib.ctm_create(options, handle)
            if status == lib.CTM_OK:
                # The log is there as long as the context.
                self._handle = ffi.gc(handle[0], lambda context, log=log: lib.ctm_destroy(context))
        if status != lib.CTM_OK:
            raise failure(status, ffi.NULL)

    def close(self) -> None:
        """Waits for the calls inside and gives back all that the context holds. It can be called twice."""
        with self._turn(), self._closing:
            handle, self._handle = self._handle, None
            if handle is not None:
                ffi.release(handle)

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._handle is None else f"{self.backend}, {self.device_name!r}"
        return f"<ctm.Context: {state}>"

    def _open(self) -> Any:
        if self._handle is None:
            raise InvalidArgumentError("the context is closed")
        return self._handle

    @property
    def backend(self) -> str:
        """Where the context works: "vulkan" or "cpu"."""
        with self._closing:
            number = lib.ctm_context_backend(self._open())
        return next(name for name, value in _BACKENDS.items() if value == number)

    @property
    def device_name(self) -> str:
        """The Vulkan device's name, or "CPU" with the number of threads."""
        with self._closing:
            return text(lib.ctm_context_device_name(self._open()))

    def call(self, function: Any, *arguments: Any, accept: Collection[int] = (), long: bool = False, kept: Any = None) -> int:
        """Calls a function of the library that takes a context first; other statuses are raised, and
        what its callbacks have raised. On the main thread a `long` call hears of signals; `kept` is what it works on."""
        with self._turn():
            handle = self._open()

            def work(kept: Any = kept) -> int:
                outer, self._at_work = self._at_work, threading.get_ident()
                try:
                    with Call(self._cancel_if_open):
                        return int(function(handle, *arguments))
                finally:
                    self._at_work = outer

            status = interruptible(work, self._cancel_if_open) if long else work()
            if status not in (lib.CTM_OK, *accept):
                raise failure(status, handle)
        return status

    def _turn(self) -> AbstractContextManager[object]:
        # The call at work may be done on another thread than the one that holds the lock: its callbacks come from there.
        return nullcontext() if self._at_work == threading.get_ident() else self._lock

    def cancel(self) -> None:
        """Ends the call that is at work, if there is one, with a `CancelledError`: for another thread or a callback."""
        with self._closing:
            lib.ctm_cancel(self._open())

    def _cancel_if_open(self) -> None:
        with self._closing:
            if self._handle is not None:
                lib.ctm_cancel(self._handle)

    def counters(self) -> dict[str, int]:
        """What the last call has cost: the fields of `ctm_counters`."""
        counters = ffi.new("ctm_counters *", {"struct_size": ffi.sizeof("ctm_counters")})
        self.call(lib.ctm_context_counters, counters)
        return {name: getattr(counters, name) for name, _ in ffi.typeof("ctm_counters").fields if name != "struct_size"}

    def pipeline_cache(self) -> bytes:
        """The pipelines that the device has compiled, for `Context(pipeline_cache=…)` of a later process."""
        size = ffi.new("size_t *")
        while True:
            self.call(lib.ctm_context_pipeline_cache, ffi.NULL, size)
            cache = bytearray(size[0])
            buffer = ffi.from_buffer(cache) if cache else ffi.NULL
            # It may have grown meanwhile.
            grown = lib.CTM_ERROR_BUFFER_TOO_SMALL
            if self.call(lib.ctm_context_pipeline_cache, buffer, size, accept=(grown,)) != grown:
                return bytes(cache[: size[0]])

    def masks(self, image: Any, min_pixels: int = 1, max_count: int | None = None, **settings: Any) -> NDArray[Any]:
        """The masks of the most frequent colours, most frequent first: (masks, rows, columns) of floats, 1 inside and
        0 outside. `settings` are those of `analyze`."""
        result = self.analyze(image, min_pixels=min_pixels, max_count=max_count, outputs=("masks",), **settings)
        if result.masks is None:
            raise InvalidArgumentError("cropped is True; masks() gives whole masks, analyze() cropped ones")
        return result.masks

    def analyze(
        self,
        image: Any,
        *,
        outputs: Collection[str] = ("masks", "palette"),
        min_pixels: int = 1,
        max_count: int | None = None,
        layout: str | None = None,
        order: str = "RGBA",
        rectangle: tuple[int, int, int, int] | None = None,
        matching: str = "exact",
        alpha: str = "color",
        least_alpha: float = 0.0,
        batch: str = "all",
        palette: Any = None,
        ignored: Any = None,
        nearest: str | None = None,
        tolerance: float = 0.0,
        unlisted: str = "ignore",
        report_unlisted: bool = False,
        unlisted_capacity: int = 0,
        merge: str | None = None,
        merge_tolerance: float = 0.0,
        merge_most_pixels: int = 0,
        merged_capacity: int = 0,
        connected: int = 0,
        unmix_radius: int = 0,
        counts: CountedParts | None = None,
        mask_format: str | None = None,
        label_format: str | None = None,
        cropped: bool = False,
        runs: str | None = None,
        out_masks: Any = None,
        out_labels: Any = None,
        progress: Callable[[float], object] | None = None,
    ) -> Result:
        """Finds the colours that get a mask, and writes what is asked for, in one go.

        image: (rows, columns), (rows, columns, channels) or (images, rows, columns, channels) of float32, float16,
            uint16, uint8 or bool, or of ids, uint32 or int32 (one or two channels): a numpy array, or anything with DLPack (a torch tensor on the CPU) or the buffer
            protocol. It is read where it lies; views that no strides of `ctm_image` describe are copied, with a
            `CopyWarning`.
        outputs: which of "masks", "labels", "palette" are wanted.
        min_pixels: colours with fewer pixels get no mask.
        max_count: masks at most, the most frequent colours first; None: all.
        layout: what the axes are, if not the above: "CHW", "NCHW", "NHW", …
        order: the channels' order in memory: "RGB(A)", "BGR(A)", "ARGB" or "ABGR". Colours are given and reported as
            red, green, blue, alpha.
        rectangle: (left, top, width, height): only this part is looked at, and outputs have its shape.
        matching: "exact", or "8-bit": colours are the same once rounded to 8 bits.
        alpha: "color" (part of it), "ignored", or "at_least": pixels with less than `least_alpha` have no colour.
        batch: with several images, "all" are counted together, or the "first" alone, or "each" has its own masks.
        palette: the colours that get a mask, in this order: rows of values in the image's units (0 to 255 for bytes), or
            a list of ids.
        ignored: colours that get no mask.
        nearest: "euclidean" or "chebyshev": colours without a mask join the nearest one within `tolerance`.
        unlisted: what becomes of colours that `palette` does not have: "ignore", "error", "nearest".
        report_unlisted: they are counted; `unlisted_capacity` of them are listed in `Result.unlisted`.
        merge: "euclidean" or "chebyshev": near-duplicates within `merge_tolerance` become the more frequent colour, unless
            they have more than `merge_most_pixels` pixels (0: no bound); `merged_capacity` of them are listed in
            `Result.merged`.
        connected: 4 or 8: each connected region is a mask of its own, by its sides, or its corners, too.
        unmix_radius: pixels without a mask, as at anti-aliased edges, join those within so many pixels whose mix they are.
        counts: where the image is a part of one, the `Counts` of all its parts: the colours are selected from them.
        mask_format: "float32" (default), "uint8" (255 inside), "bool", "bits", packed, or "coverage": the shares of
            unmixed pixels as floats.
        label_format: "uint8", "uint16", "uint32", or "auto" (default): the smallest that numbers all masks.
        runs: "rows" or "columns": `Result.runs` has each mask as run lengths, in which pixels follow each other so.
            `Result.runs.to_coco()` gives COCO's compressed RLE of those by columns. They need no memory for masks.
        cropped: `Result.crops` has each mask cropped to its bounding box, `Result.masks` nothing.
        out_masks: an array to write masks to, with room for as many as its first axis says. Its type is the format.
        out_labels: an array to write labels to.
        progress: called on this thread with how far the call is, from 0 to 1, every few milliseconds. The call ends with a
            `CancelledError` if it returns False, and with its exception if it raises one.

        On the main thread Ctrl-C, or another signal whose handler raises an exception, ends the call with that.

        Raises `InvalidArgumentError` (a `ValueError`), `BufferTooSmallError` where `out_masks` or `out_labels` cannot
        take what was found, `UnlistedColorsError`, `OutOfMemoryError` and others of `ctm.Error`.
        """
        unknown = set(outputs) - set(_OUTPUTS)
        if isinstance(outputs, str) or unknown:
            raise InvalidArgumentError(f"outputs is {outputs!r}; a list of some of {', '.join(_OUTPUTS)} is expected")
        if cropped and out_masks is not None:
            raise InvalidArgumentError("cropped is True and out_masks is given; cropped masks get an array of their own")
        pixels = describe(image, layout, order, rectangle)
        params, kept = make_params(
            pixels.channels,
            pixels.ids,
            min_pixels=min_pixels,
            max_count=max_count,
            matching=matching,
            alpha=alpha,
            least_alpha=least_alpha,
            batch=batch,
            palette=palette,
            ignored=ignored,
            nearest=nearest,
            tolerance=tolerance,
            unlisted=unlisted,
            merge=merge,
            merge_tolerance=merge_tolerance,
            merge_most_pixels=merge_most_pixels,
            connected=connected,
            unmix_radius=unmix_radius,
            counts=None if counts is None else counts.handle,
        )
        call = _Call(
            pixels,
            params,
            masks=Masks(pixels, mask_format, out_masks) if "masks" in outputs or out_masks is not None else None,
            labels=Labels(pixels, label_format, out_labels) if "labels" in outputs or out_labels is not None else None,
            palette="palette" in outputs,
            cropped=cropped,
            runs=None if runs is None else RunsTarget(pixels, runs),
            report_unlisted=report_unlisted,
            unlisted_capacity=unsigned("unlisted_capacity", unlisted_capacity, 32),
            merged_capacity=unsigned("merged_capacity", merged_capacity, 32),
        )
        if progress is not None:
            kept.append(told := Progress(progress))
            params.progress = told.callback
        result = call.run(self)
        del kept
        return result


class _Shared:
    """A context that is made at its first use, for each process one: a forked one cannot use its parent's."""

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._context: Context | None = None
        self._lock = threading.Lock()  # Another thread of the parent may have held the old one.

    def __call__(self) -> Context:
        with self._lock:
            if self._context is None:
                self._context = Context(**self._arguments)
            return self._context


default_context = _Shared()
"""The context of `ctm.masks` and `ctm.analyze`: made with the defaults, at the first call."""
host_context = _Shared(backend="cpu", threads=1)
"""For what needs no device, such as reading pickled counts."""


@dataclass
class _Buffers:
    """The arrays of one try, and the ctm_outputs that points to them."""

    struct: Any
    masks: NDArray[Any] | None
    labels: NDArray[Any] | None
    entries: NDArray[Any]
    unlisted: NDArray[Any]
    merged: NDArray[Any]
    # The ctm_runs, its numbers and offsets.
    runs: tuple[Any, NDArray[Any], NDArray[Any]] | None


@dataclass
class _Call:
    """One analysis: its arguments, and the arrays that it is tried with."""

    image: Image
    params: Any
    masks: Masks | None
    labels: Labels | None
    palette: bool
    cropped: bool
    runs: RunsTarget | None
    report_unlisted: bool
    unlisted_capacity: int
    merged_capacity: int

    def run(self, context: Context) -> Result:
        """Writes to arrays of a likely size, so that pixels are counted once; where that was too small, again."""
        found = ffi.new("ctm_result *", {"struct_size": ffi.sizeof("ctm_result")})
        if self.cropped and self.masks:
            # How much they need depends on the pixels: nothing is likely.
            query = new_outputs()
            query.mask_format, query.cropped = self.masks.format, 1
            self._try(context, query, found)
            room, crop_bytes = found.mask_count, found.masks_size
            if self.labels:
                self.labels.fit(room)
        else:
            room, crop_bytes = self._likely_count(context._last_count), 0
        buffers = self._buffers(room, crop_bytes)
        too_small = lib.CTM_ERROR_BUFFER_TOO_SMALL
        # What masks, labels and palette need is told before what runs do.
        for accept in [(too_small,)] * (2 if self.runs else 1) + [()]:
            if self._try(context, buffers.struct, found, accept, buffers) != too_small:
                break
            if buffers.masks is not None and not self.cropped:
                self._check_room(buffers.masks, found.mask_count)
            if self.labels:
                self.labels.fit(found.mask_count)
            if self.runs:
                self.runs.room = max(self.runs.room, found.run_counts_len)
            buffers = self._buffers(found.mask_count, crop_bytes)
        context._last_count = found.mask_count
        return self._result(buffers, found)

    def _check_room(self, masks: NDArray[Any], count: int) -> None:
        """What an array of the caller's is too small for is told in masks, not in bytes."""
        if self.masks and self.masks.given is not None and len(masks) < count:
            raise BufferTooSmallError(f"out_masks has room for {len(masks)} masks; there are {count}")

    def _try(
        self, context: Context, outputs: Any, found: Any, accept: Collection[int] = (), buffers: _Buffers | None = None
    ) -> int:
        arguments = self.image.struct, self.params, outputs, found
        # A progress function is called on this thread, and signals are heard there.
        long = self.params.progress == ffi.NULL and takes_long(self.image, self.params)
        return context.call(lib.ctm_analyze, *arguments, accept=accept, long=long, kept=(self, buffers))

    def _likely_count(self, last: int) -> int:
        is_given = self.params.palette != ffi.NULL or self.params.palette_stored != ffi.NULL
        if is_given and not self.params.connected:
            return int(self.params.palette_count)
        pixels = self.image.images * self.image.height * self.image.width
        most = min(self.params.max_count, pixels // max(self.params.min_pixels, 1))
        likely = max(last, 32)
        if self.masks:
            likely = min(likely, max(_GUESSED_BYTES // max(self.masks.mask_bytes, 1), 1))
        return int(min(most, likely))

    def _buffers(self, room: int, crop_bytes: int) -> _Buffers:
        outputs = new_outputs()
        outputs.report_unlisted = int(self.report_unlisted)
        masks = None
        if self.masks and self.cropped:
            masks = self.masks.write_crops_to(outputs, crop_bytes)
        elif self.masks:
            masks = self.masks.write_to(outputs, room)
        # Where the cropped masks lie is told by the palette.
        entries = room * self.image.images if self.palette or self.cropped else 0
        if self.runs:
            outputs.cropped = int(self.cropped)
        return _Buffers(
            outputs,
            masks,
            self.labels.write_to(outputs) if self.labels else None,
            write_entries(outputs, "palette", PALETTE_DTYPE, entries),
            write_entries(outputs, "unlisted", PALETTE_DTYPE, self.unlisted_capacity),
            write_entries(outputs, "merged", MERGED_DTYPE, self.merged_capacity),
            self.runs.write_to(outputs, room) if self.runs else None,
        )

    def _result(self, buffers: _Buffers, found: Any) -> Result:
        count = found.mask_count
        entries, crops, masks = buffers.entries, None, buffers.masks
        if masks is not None and not self.cropped:
            # An array without any room is none to the library, which then writes nothing.
            self._check_room(masks, count)
            if self.masks and self.masks.given is None:
                has_written(masks, masks[:count].nbytes)
        if self.palette or self.cropped:
            entries = entries[: count * self.image.images].reshape(count, *self.image.frames)
        if self.masks and self.cropped and masks is not None:
            crops, masks = self.masks.crops(masks, entries), None
        runs = None
        if self.runs and buffers.runs:
            _, counts, offsets = buffers.runs
            runs = self.runs.runs(counts, offsets, count, found.run_counts_len, self.cropped)
        return Result(
            mask_count=count,
            masks=None if masks is None else masks[:count],
            crops=crops,
            labels=buffers.labels,
            palette=entries if self.palette else None,
            runs=runs,
            unlisted=buffers.unlisted[: found.unlisted_colors] if self.unlisted_capacity else None,
            merged=buffers.merged[: found.merged_colors] if self.merged_capacity else None,
            distinct_colors=found.distinct_colors or None,
            unlisted_pixels=found.unlisted_pixels,
            unlisted_colors=found.unlisted_colors,
            merged_pixels=found.merged_pixels,
            merged_colors=found.merged_colors,
        )
