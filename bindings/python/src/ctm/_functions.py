"""The functions that most need: in a context that all share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from numpy.typing import NDArray

from ._context import Context
from ._options import ArrayLike, ImageLike
from ._result import Result
from ._segmentation import Segmentation
from ._shared import default_context
from ._signatures import with_options_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from ._options import AnalyzeOptions, MasksOptions, SegmentOptions


@overload  # A str is a Sequence of str, too, but the first of these is taken.
def segment(image: ImageLike, **options: Unpack[SegmentOptions]) -> Segmentation: ...  # type: ignore[overload-overlap]


@overload
def segment(image: Sequence[ImageLike], **options: Unpack[SegmentOptions]) -> list[Segmentation]: ...


@with_options_of(Context.segment)
def segment(image: Any, **options: Any) -> Segmentation | list[Segmentation]:
    """Find the colours of an image, or of several, that get a mask, as an object with masks, labels, names and boxes.

    Images of all kinds are taken, their values never changed; `analyze` is stricter and reads memory where it lies.

    Parameters
    ----------
    image : array, image, path, or a list of these
        (rows, columns) or (rows, columns, channels) of integers, bool or floats: a numpy array, of masked arrays the
        pixels that are not masked, a Pillow image (one with a palette by its colours), anything with DLPack (a torch
        tensor on the CPU) or the buffer protocol, the path of an image file (Pillow opens it; one of which Pillow would
        change values, of 16 bits in RGB for example, is an error). Of a list, the images may have different sizes.
        uint8 and uint16 are shades, or labels, with distances. Integers of any other type count by it alone, not by which
        values occur: in 1 or 2 channels they are ids, of 32 bits at most (-2147483648 to 4294967295, as far as the type
        goes), without distances; in 3 or 4 channels they are colours, of which "#ffffff" is 255, and floats of 32 bits
        hold them, up to 16777216.
    min_pixels : int, default 1
        Colours with fewer pixels get no mask.
    max_count : int, optional
        Masks at most, the most frequent colours first; all without it.
    palette : list, dict or path, optional
        The colours that get a mask, in this order, also where they have no pixel: [(170, 205, 230), "#3fe038"],
        {"sea": "navy"}, {7: "road"}, or a file: of one colour a line ("#aacde6 sea", "navy sea", "170 205 230 sea"), CSV, the
        definition.csv of a map of provinces, a palette of GIMP or Paint Shop Pro, CVAT's labelmap.txt, an image, or JSON: what
        "ctm segment --json" has printed, [{"color": "#aacde6", "name": "sea"}] and {"sea": "#aacde6"}. Numbers are in the
        image's units (0 to 255 for bytes); "#aacde6" and names of CSS are colours in any. A colour
        without alpha is opaque. What no pixel has gets an empty mask, and what the image's type cannot hold is an error.
    ignored : list of colours, or a colour, optional
        Colours that get no mask, the background for example.
    tolerance : float, optional
        Colours without a mask of their own join the nearest one that is so far away or nearer, in the image's units.
        For images of integers a number below 1 is a share of white: 10/255 is 10 for bytes, 10 * 257 for uint16, and 10 for
        wider integers in 3 or 4 channels. Ids have no distances: for them it is an error, as are `merge_tolerance`,
        `unmix_radius`, `matching="8-bit"` and `unlisted="nearest"`.
    nearest : {"euclidean", "chebyshev"}, optional
        The distance that `tolerance` means; the first unless said.
    unlisted : {"ignore", "error", "nearest"}
        What becomes of colours that `palette` does not have.
    merge : {"euclidean", "chebyshev"}, optional
        The distance that `merge_tolerance` means; the first unless said.
    merge_tolerance : float, optional
        Near-duplicates so far away or nearer become the more frequent colour, before masks are chosen.
    merge_most_pixels : int, default 0
        Colours with more pixels than this do not become others; 0: there is no bound.
    connected : {0, 4, 8}
        Each connected region is a mask of its own, by its sides (4), or its corners, too (8).
    unmix_radius : int, default 0
        Pixels without a mask, as at anti-aliased edges, join those within so many pixels whose mix they are.
    absorb_pixels : int, default 0
        Connected regions with fewer pixels go to the masks around them, that with the longest common border.
    absorb_unmasked : int, default 0
        Connected regions of fewer pixels without a mask go to the masks around them; 2**64 - 1: all of them do.
    fill_holes : int, default 0
        Holes in masks of at most so many pixels are filled.
    absorb_connected : {0, 4, 8}
        How pixels are connected for that: by their sides (4), or their corners, too (8); 0: as `connected` says, or 4.
    layout : str, optional
        What the axes are, if not "HW" or "HWC": "CHW" and the like.
    order : str, default "RGBA"
        The channels' order in memory: "RGB", "BGR", "RGBA", "BGRA", "ARGB" or "ABGR". Colours are given and reported as
        red, green, blue, alpha.
    rectangle : tuple of int, optional
        (left, top, width, height): only this part is looked at, and labels and masks have its shape.
    matching : {"exact", "8-bit"}
        With "8-bit", colours are the same that are the same once rounded to 8 bits.
    alpha : {"color", "ignored", "at_least"}
        Whether alpha is a part of the colour, is not looked at, or, with "at_least", says which pixels have a colour.
    least_alpha : float, default 0
        With `alpha="at_least"`, pixels with less have no colour.
    batch : {"all", "each"}
        Of a list, the colours of all images are counted together, so that each image has the same masks in the same
        order, or each image has masks of its own.
    progress : callable, optional
        Called on this thread with how far the call is, from 0 to 1. The call ends with a `CancelledError` if it returns
        False, and with its exception if it raises one.

    Returns
    -------
    Segmentation or list of Segmentation
        For an image its masks, labels, names and boxes; for a list one for each image.

    Raises
    ------
    InvalidArgumentError
        An argument is out of range or does not fit another; the sentence names it. It is a `ValueError`.
    InvalidTypeError
        An argument has a wrong type. It is a `TypeError`, too.
    UnlistedColorsError
        The image has colours that the palette does not have, with `unlisted="error"`.
    OutOfMemoryError
        Memory does not suffice. It is a `MemoryError`.

    See Also
    --------
    masks : The masks alone, as fast as can be.
    analyze : Any of masks, labels and palette, in formats and memory of your choice.

    Examples
    --------
    >>> import ctm, numpy as np
    >>> image = np.array([[[170, 205, 230], [170, 205, 230], [63, 224, 56]]], np.uint8)
    >>> result = ctm.segment(image, palette={"sea": "#aacde6", "land": "#3fe038"})
    >>> result
    <ctm.Segmentation of 3 x 1 pixels, 2 masks: sea (2 pixels), land (1)>
    >>> result["sea"]
    array([[ True,  True, False]])
    >>> result.boxes
    array([[0, 0, 2, 1],
           [2, 0, 3, 1]])
    """
    found: Segmentation | list[Segmentation] = default_context().segment(image, **options)
    return found


@with_options_of(Context.masks)
def masks(
    image: ArrayLike, min_pixels: int = 1, max_count: int | None = None, **options: Unpack[MasksOptions]
) -> NDArray[Any]:
    """Give the masks of the most frequent colours, most frequent first.

    Parameters
    ----------
    image : array_like
        (rows, columns), (rows, columns, channels) or (images, rows, columns, channels), as `analyze` takes it.
    min_pixels : int, default 1
        Colours with fewer pixels get no mask.
    max_count : int, optional
        Masks at most; without it each colour gets one.
    **options : dict
        Those of `analyze`: layout, order, mask_format, ignored, palette and others.

    Returns
    -------
    numpy.ndarray
        (masks, rows, columns) of float32, 1 inside and 0 outside; with `mask_format` other values.

    Raises
    ------
    InvalidArgumentError
        An argument is out of range or does not fit another; the sentence names it. It is a `ValueError`.

    See Also
    --------
    segment : The same with labels, names and boxes, of images of all kinds.

    Examples
    --------
    >>> import ctm, numpy as np
    >>> ctm.masks(np.array([[7, 7, 9]], np.uint8))
    array([[[1., 1., 0.]],
    <BLANKLINE>
           [[0., 0., 1.]]], dtype=float32)
    """
    return default_context().masks(image, min_pixels, max_count, **options)


@with_options_of(Context.analyze)
def analyze(image: ArrayLike, **options: Unpack[AnalyzeOptions]) -> Result:
    """Find the colours that get a mask, and write what is asked for, in one go.

    Parameters
    ----------
    image : array_like
        (rows, columns), (rows, columns, channels) or (images, rows, columns, channels) of float32, float16, uint16,
        uint8 or bool, or of ids, uint32 or int32 (one or two channels): a numpy array, or anything with DLPack (a torch tensor on the CPU) or the buffer protocol. It is
        read where it lies; views that no strides of `ctm_image` describe are copied, with a `CopyWarning`.
    outputs : collection of {"masks", "labels", "palette"}
        Which of these are wanted.
    min_pixels : int, default 1
        Colours with fewer pixels get no mask.
    max_count : int, optional
        Masks at most, the most frequent colours first; all without it.
    layout : str, optional
        What the axes are, if not the above: "CHW", "NCHW", "NHW" and the like.
    order : str, default "RGBA"
        The channels' order in memory: "RGB(A)", "BGR(A)", "ARGB" or "ABGR". Colours are given and reported as
        red, green, blue, alpha.
    rectangle : tuple of int, optional
        (left, top, width, height): only this part is looked at, and outputs have its shape.
    matching : {"exact", "8-bit"}
        With "8-bit", colours are the same that are the same once rounded to 8 bits.
    alpha : {"color", "ignored", "at_least"}
        Whether alpha is a part of the colour, is not looked at, or, with "at_least", says which pixels have a colour.
    least_alpha : float, default 0
        With `alpha="at_least"`, pixels with less have no colour.
    batch : {"all", "first", "each"}
        With several images, all are counted together, or the first alone, or each has its own masks.
    palette : array_like, optional
        The colours that get a mask, in this order: rows of values in the image's units (0 to 255 for bytes), or
        a list of ids.
    ignored : array_like, optional
        Colours that get no mask.
    nearest : {"euclidean", "chebyshev"}, optional
        Colours without a mask join the nearest one within `tolerance`.
    tolerance : float, default 0
        The distance for `nearest`, in the image's units.
    unlisted : {"ignore", "error", "nearest"}
        What becomes of colours that `palette` does not have.
    report_unlisted : bool, default False
        Whether they are counted.
    unlisted_capacity : int, default 0
        So many of them, the most frequent ones, are listed in `Result.unlisted`.
    merge : {"euclidean", "chebyshev"}, optional
        Near-duplicates within `merge_tolerance` become the more frequent colour.
    merge_tolerance : float, default 0
        The distance for `merge`, in the image's units.
    merge_most_pixels : int, default 0
        Colours with more pixels than this do not become others; 0: there is no bound.
    merged_capacity : int, default 0
        So many of those that have are listed in `Result.merged`.
    connected : {0, 4, 8}
        Each connected region is a mask of its own, by its sides (4), or its corners, too (8).
    unmix_radius : int, default 0
        Pixels without a mask, as at anti-aliased edges, join those within so many pixels whose mix they are.
    absorb_pixels : int, default 0
        Connected regions with fewer pixels go to the masks around them, that with the longest common border.
    absorb_unmasked : int, default 0
        Connected regions of fewer pixels without a mask go to the masks around them; 2**64 - 1: all of them do.
    fill_holes : int, default 0
        Holes in masks of at most so many pixels are filled.
    absorb_connected : {0, 4, 8}
        How pixels are connected for that: by their sides (4), or their corners, too (8); 0: as `connected` says, or 4.
    counts : Counts, optional
        Where the image is a part of one, the counts of all its parts: the colours are selected from them.
    regions : Regions, optional
        Where the image is a part of one, with `connected`, the regions of all its parts: the masks are regions of the whole.
    place : tuple of int, optional
        With `regions`, (left, top): the column and the row of the whole image that this part begins at.
    mask_format : {"float32", "uint8", "bool", "bits", "coverage"}, optional
        "float32" unless said; "uint8": 255 inside; "bits": packed; "coverage": the shares of unmixed pixels as floats.
    label_format : {"auto", "uint8", "uint16", "uint32"}, optional
        "auto" unless said: the smallest that numbers all masks.
    cropped : bool, default False
        `Result.crops` has each mask cropped to its bounding box, `Result.masks` nothing.
    runs : {"rows", "columns"}, optional
        `Result.runs` has each mask as run lengths, in which pixels follow each other so. Its `to_coco()` gives COCO's
        compressed RLE of those by columns. They need no memory for masks.
    outlines : bool or {4, 8}, default False
        `Result.outlines` has each mask as polygons along the edges of its pixels. Pixels that only touch by a corner are
        of one polygon with 8, of two with 4; True is as `connected`, and 4 where that is 0.
    outlines_tolerance : float, default 0
        So many pixels a corner may be from the edge that is there in its place: corners are left out, and slopes are no
        stairs. Masks that touch still have the edge between them in common. 0: exact. In steps of 1/256.
    out_masks : array, optional
        Masks are written to it: it has room for as many as its first axis says. Its type is the format.
    out_labels : array, optional
        Labels are written to it.
    progress : callable, optional
        Called on this thread with how far the call is, from 0 to 1, every few milliseconds. The call ends with a
        `CancelledError` if it returns False, and with its exception if it raises one.

    Returns
    -------
    Result
        What was asked for, and how much was found.

    Raises
    ------
    InvalidArgumentError
        An argument is out of range or does not fit another; the sentence names it. It is a `ValueError`.
    InvalidTypeError
        An argument has a wrong type. It is a `TypeError`, too.
    BufferTooSmallError
        `out_masks` cannot take what was found.
    UnlistedColorsError
        The image has colours that the palette does not have, with `unlisted="error"`.
    OutOfMemoryError
        Memory does not suffice. It is a `MemoryError`.

    See Also
    --------
    segment : A result with names and boxes, of images of all kinds.

    Notes
    -----
    On the main thread Ctrl-C, or another signal whose handler raises an exception, ends the call with that.

    Examples
    --------
    >>> import ctm, numpy as np
    >>> result = ctm.analyze(np.array([[7, 7, 9]], np.uint8), outputs=["labels", "palette"])
    >>> result.labels
    array([[1, 1, 2]], dtype=uint8)
    >>> result.palette["pixel_count"]
    array([2, 1], dtype=uint64)
    """
    return default_context().analyze(image, **options)
