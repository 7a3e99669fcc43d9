"""Images that are looked at together, in one type and with as many channels."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from typing import Any

from ._errors import InvalidArgumentError
from ._inputs import Pixels


def alike(images: list[Pixels]) -> list[Pixels]:
    """The images, so that equal colours have equal values: RGB beside RGBA is opaque."""
    if not images:
        return images
    channels = max(image.space.channels for image in images)
    for index, image in enumerate(images):
        _refuse_others(index, image, images[0], channels)
    whites = {image.space.white for image in images}
    white = whites.pop() if len(whites) == 1 else None
    values = reduce(np.promote_types, [image.array.dtype for image in images])
    if values == np.int64:
        # Some are uint32, some int32.
        if max(int(image.array.max()) for image in images) >= 1 << 31:
            raise InvalidArgumentError("the images have integers below 0 and from 2147483648 on; those of one type, int32 or uint32, are expected")
        values = np.dtype(np.int32)
    least_alpha = max(image.least_alpha for image in images)
    if values in (np.uint32, np.int32) and least_alpha:
        raise InvalidArgumentError("some images are masked arrays of bytes or 16 bits, and some have wider integers, which are ids; those of one type are expected, or batch='each'")
    given = reduce(np.promote_types, [image.space.dtype for image in images])
    if given.kind == "f" and all(image.space.dtype.kind in "biu" for image in images):
        given = np.dtype(np.int64)  # Of int64 and uint64 numpy makes floats.
    most = max(image.array.shape[2] for image in images)
    is_list = any(image.space.is_list for image in images)
    return [
        replace(
            image,
            array=_with_channels(image, most).astype(values, copy=False),
            space=replace(image.space, channels=channels, dtype=given, white=white, ids=values.name if values in (np.uint32, np.int32) else None, is_list=is_list),
            least_alpha=least_alpha,
        )
        for image in images
    ]


def _refuse_others(index: int, image: Pixels, first: Pixels, channels: int) -> None:
    """Only RGB goes beside RGBA, integers beside integers, and not bytes beside 16 bits where they are shades."""
    ours, theirs = image.space, first.space
    is_shade = ours.channels > 2 and None not in (ours.white, theirs.white) and ours.white != theirs.white
    if (ours.dtype.kind == "f") != (theirs.dtype.kind == "f") or is_shade:
        raise InvalidArgumentError(
            f"image[{index}] has values of type {ours.dtype} and image[0] of type {theirs.dtype}; the same is expected, or batch='each'"
        )
    if ours.channels != channels and (ours.channels, channels) != (3, 4):
        raise InvalidArgumentError(
            f"image[{index}] has {ours.channels} channels, others have {channels}; as many are expected, or batch='each'"
        )


def _with_channels(image: Pixels, channels: int) -> NDArray[Any]:
    """The pixels with an opaque alpha, if they have one channel less."""
    array = image.array
    if array.shape[2] == channels:
        return array
    opaque = image.space.white or (1.0 if array.dtype.kind == "f" else np.iinfo(array.dtype).max)
    return np.concatenate([array, np.full((*array.shape[:2], 1), opaque, array.dtype)], axis=2)
