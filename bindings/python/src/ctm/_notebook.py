"""A segmentation in a notebook: a picture and a table."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._colors import ColorSpace

# A picture in a notebook has so many pixels on its longer side at most, and smaller ones are enlarged to about so many.
_LONGEST, _SHORTEST = 640, 160
_ROWS = 12


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """(rows, columns, 4) of bytes as a PNG file: without Pillow, which need not be there."""
    rows, columns, _ = pixels.shape
    lines = np.zeros((rows, 1 + columns * 4), np.uint8)
    lines[:, 1:] = pixels.reshape(rows, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    data = zlib.compress(lines.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _hues(number: int) -> NDArray[np.uint8]:
    """So many colours, of which neighbours differ: hues a golden angle apart."""
    turns = np.arange(number) * 0.381966 * 6
    channels = np.abs((turns[:, np.newaxis] + [0, 4, 2]) % 6 - 3) - 1
    light = np.where(np.arange(number) % 2, 235, 200)[:, np.newaxis]
    colors: NDArray[np.uint8] = (light * (0.25 + 0.75 * np.clip(channels, 0, 1))).astype(np.uint8)
    return colors


class Notebook:
    """The part of a `Segmentation` that is looked at."""

    labels: NDArray[Any]
    counts: NDArray[np.int64]
    _space: ColorSpace
    _numbers: NDArray[np.float32]

    if TYPE_CHECKING:

        def __len__(self) -> int: ...

        def _name(self, number: int) -> str: ...

    def _shown_colors(self) -> NDArray[np.uint8]:
        """(masks + 1, 4): red, green, blue, alpha of what is in no mask, and of each mask."""
        shown = np.zeros((len(self) + 1, 4), np.uint8)
        shown[1:, 3] = 255
        white = self._space.white
        if white is None or self._space.channels < 3:
            shown[1:, :3] = _hues(len(self))
        else:
            values = np.nan_to_num(self._numbers[:, :3] * (255 / white))
            shown[1:, :3] = np.clip(np.rint(values), 0, 255)
        return shown

    def to_image(self) -> NDArray[np.uint8]:
        """A picture of the masks: in the image's colours, or for ids and grey in colours that differ.

        Returns
        -------
        numpy.ndarray
            (rows, columns, 4) of uint8: red, green, blue, alpha; transparent where there is no mask.

        Examples
        --------
        >>> import ctm, numpy as np
        >>> ctm.segment(np.array([[[255, 0, 0]]], np.uint8)).to_image()
        array([[[255,   0,   0, 255]]], dtype=uint8)
        """
        picture: NDArray[np.uint8] = self._shown_colors()[self.labels]
        return picture

    def _repr_png_(self) -> bytes:
        """A picture that fits a page, for notebooks."""
        longest = max(self.labels.shape)
        step = -(-longest // _LONGEST)
        labels = self.labels[::step, ::step]
        if longest < _SHORTEST:
            times = _SHORTEST // longest
            labels = labels.repeat(times, 0).repeat(times, 1)
        return _png(self._shown_colors()[labels])

    def _repr_html_(self) -> str:
        """A picture and a table, for notebooks."""
        shown = self._shown_colors()
        lines = []
        for number in range(min(len(self), _ROWS)):
            swatch = bytes(shown[number + 1, :3]).hex()
            share = self.counts[number] / self.labels.size
            lines.append(
                f'<tr><td>{number}</td><td style="background:#{swatch}">&emsp;</td><td style="text-align:left">'
                f"{html.escape(self._name(number))}</td><td>{self.counts[number]}</td><td>{share:.2%}</td></tr>"
            )
        left_over = self.labels.size - int(self.counts.sum())
        if len(self) > _ROWS:
            more = int(self.counts[_ROWS:].sum())
            lines.append(f"<tr><td>…</td><td></td><td>{len(self) - _ROWS} more</td><td>{more}</td><td>{more / self.labels.size:.2%}</td></tr>")
        if left_over:
            lines.append(f"<tr><td></td><td></td><td>in no mask</td><td>{left_over}</td><td>{left_over / self.labels.size:.2%}</td></tr>")
        picture = base64.b64encode(self._repr_png_()).decode()
        return (
            f"<div>{html.escape(repr(self))}</div>"
            f'<img style="max-width:100%" src="data:image/png;base64,{picture}" alt="the masks">'
            "<table><thead><tr><th></th><th></th><th>name</th><th>pixels</th><th>share</th></tr></thead>"
            f"<tbody>{''.join(lines)}</tbody></table>"
        )
