"""Arrays of others as numpy arrays on the same memory."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import InvalidArgumentError, InvalidTypeError
from ._pillow import stored

# DLPack's numbers for memory that the host can read: its own, and pinned by CUDA or ROCm.
_HOST_MEMORY = {1, 3, 11}


def _is_torch(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "torch"


def _refuse_foreign_memory(name: str, value: Any) -> None:
    """Says in words what DLPack would only refuse."""
    if getattr(value, "requires_grad", False):
        raise InvalidTypeError(
            f"{name} is a tensor that requires a gradient, and masks have none; pass {name}.detach()"
        )
    device = getattr(value, "device", None)
    if hasattr(value, "__dlpack_device__"):
        try:
            kind = int(value.__dlpack_device__()[0])
        except Exception as error:  # Exporters raise what they like for devices that DLPack does not know.
            raise InvalidTypeError(f"{name} is on the device {device}, which cannot be shared: {error}") from error
        on_host = kind in _HOST_MEMORY
    else:
        on_host = not hasattr(value, "__cuda_array_interface__")
    if not on_host:
        where = "a GPU" if device is None else str(device)
        raise InvalidTypeError(f"{name} is on {where}; ctm reads memory of the host: pass {name}.cpu()")


def _numpy_knows(kind: Any) -> bool:
    """Whether values of a tensor's type, torch.float32 for example, are ones of numpy's, too."""
    try:
        np.dtype(str(kind).rpartition(".")[2])
    except TypeError:
        return False
    return True


def _unmasked(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """A plain array on the memory of one that may be of a class of its own, if that hides no value."""
    # Where nobody has loaded that module there are none.
    ma = sys.modules.get("numpy.ma")
    masked = int(ma.getmaskarray(array).sum()) if ma and isinstance(array, ma.MaskedArray) else 0
    if masked:
        filled = f"pass numpy.ma.filled({name}, …) or {name}.data"
        if name == "image":
            filled = (
                "pass numpy.ma.filled(image, numpy.nan): a pixel with a NaN has no colour"
                if array.dtype.kind == "f"
                else "pass numpy.ma.filled(image, value), and the colour that this makes as `ignored`"
            )
        raise InvalidTypeError(f"{name} is a masked array, and ctm would not see that {masked} values are masked; {filled}")
    return np.asarray(array)


def as_array(name: str, value: Any) -> NDArray[Any]:
    """A numpy array on the memory of `value`: an array, or anything with DLPack or the buffer protocol."""
    if isinstance(value, np.ndarray):
        return _unmasked(name, value)
    _refuse_foreign_memory(name, value)
    if hasattr(value, "__dlpack__"):
        try:
            # torch's own view, since some versions of numpy take DLPack's memory as read-only.
            return np.asarray(value.numpy() if _is_torch(value) else np.from_dlpack(value))
        except (TypeError, RuntimeError, BufferError) as error:
            kind = getattr(value, "dtype", None)
            if kind is None or _numpy_knows(kind):
                raise InvalidTypeError(f"{name} cannot be shared with numpy: {error}") from error
            raise InvalidTypeError(f"{name} has values of type {kind}, which numpy does not know: {error}") from error
    try:
        return np.asarray(memoryview(value))
    except TypeError:
        pass
    if hasattr(value, "__array_interface__") or hasattr(value, "__array__"):
        return _unmasked(name, np.asanyarray(stored(name, value)))
    raise InvalidTypeError(
        f"{name} is a {type(value).__name__}; a numpy array, or an object with DLPack or the buffer protocol, is expected"
    )


def _table(name: str, values: Any) -> NDArray[Any]:
    """Numbers, in an array or nested lists."""
    try:
        given = _unmasked(name, np.asanyarray(values))
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"{name} is no table of numbers: {error}") from None
    if given.size and given.dtype.kind not in "biuf":
        raise InvalidTypeError(f"{name} is no table of numbers: its values are of type {given.dtype}")
    return given


def ids(name: str, values: Any, kind: str) -> NDArray[np.uint32]:
    """Integers as an image of such ids stores them. What is none of these is an error."""
    given = _table(name, values)
    limits = np.iinfo(kind)
    fits = (given >= limits.min) & (given <= limits.max) & (given % 1 == 0)
    if not fits.all():
        raise InvalidArgumentError(f"{name} has the value {given[~fits][0]}, which is no {kind}")
    return given.astype(kind).view(np.uint32)


def numbers(name: str, values: Any) -> NDArray[np.float32]:
    """Numbers, in an array or nested lists, as the floats that the library reads. Those of 64 bits are rounded as they
    would be in an image; what a float can be no stand-in for is an error."""
    given = _table(name, values)
    with np.errstate(over="ignore"):
        floats = given.astype(np.float32)
    if given.dtype.kind in "iu":
        lost = floats.astype(np.longdouble) != given.astype(np.longdouble)
    else:
        lost = np.isinf(floats) & ~np.isinf(given)
    if lost.any():
        raise InvalidArgumentError(f"{name} has the value {given[lost][0]}, which a 32-bit float cannot hold")
    return floats
