"""One analysis: its arguments, and the arrays that it is tried with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ._abi import ffi
from ._buffers import has_written
from ._errors import BufferTooSmallError
from ._image import Image
from ._library import lib
from ._outlines import OutlinesTarget
from ._outputs import MERGED_DTYPE, PALETTE_DTYPE, Labels, Masks, new_outputs, write_entries
from ._params import takes_long
from ._result import Result
from ._runs import RunsTarget

if TYPE_CHECKING:
    from ._context import Context

# Memory that is set aside, not touched, before it is known how many masks there are.
_GUESSED_BYTES = 1 << 30


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
    # The ctm_outlines, and its arrays.
    outlines: tuple[Any, ...] | None


@dataclass
class Analysis:
    """A call of `ctm_analyze`."""

    image: Image
    params: Any
    masks: Masks | None
    labels: Labels | None
    palette: bool
    cropped: bool
    runs: RunsTarget | None
    outlines: OutlinesTarget | None
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
            room, crop_bytes = self._likely_count(context.last_count), 0
        buffers = self._buffers(room, crop_bytes)
        too_small = lib.CTM_ERROR_BUFFER_TOO_SMALL
        # What masks, labels and palette need is told before what runs and outlines do.
        for accept in [(too_small,)] * (2 if self.runs or self.outlines else 1) + [()]:
            if self._try(context, buffers.struct, found, accept, buffers) != too_small:
                break
            if buffers.masks is not None and not self.cropped:
                self._check_room(buffers.masks, found.mask_count)
            if self.labels:
                self.labels.fit(found.mask_count)
            if self.runs:
                self.runs.room = max(self.runs.room, found.run_counts_len)
            if self.outlines:
                self.outlines.fit(found)
            buffers = self._buffers(found.mask_count, crop_bytes)
        context.last_count = found.mask_count
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
        most = self.params.max_count
        if self.params.counts == ffi.NULL and self.params.regions == ffi.NULL:
            # Of a part, masks may have their pixels elsewhere.
            most = min(most, pixels // max(self.params.min_pixels, 1))
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
            self.outlines.write_to(outputs, room) if self.outlines else None,
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
        outlines = self.outlines.outlines(buffers.outlines, count, found) if self.outlines and buffers.outlines else None
        return Result(
            mask_count=count,
            masks=None if masks is None else masks[:count],
            crops=crops,
            labels=buffers.labels,
            palette=entries if self.palette else None,
            runs=runs,
            outlines=outlines,
            unlisted=buffers.unlisted[: found.unlisted_colors] if self.unlisted_capacity else None,
            merged=buffers.merged[: found.merged_colors] if self.merged_capacity else None,
            distinct_colors=found.distinct_colors or None,
            unlisted_pixels=found.unlisted_pixels,
            unlisted_colors=found.unlisted_colors,
            merged_pixels=found.merged_pixels,
            merged_colors=found.merged_colors,
            absorbed_regions=found.absorbed_regions,
            absorbed_pixels=found.absorbed_pixels,
            filled_holes=found.filled_holes,
            filled_pixels=found.filled_pixels,
        )
