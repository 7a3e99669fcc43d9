"""Finds and loads libctm, once."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from ._abi import HEADER_VERSION, ffi
from ._errors import Error, LibraryNotFoundError, LibraryTooOldError, from_status
from ._sentences import in_python

_BUNDLED = Path(__file__).with_name({"darwin": "libctm.dylib", "win32": "ctm.dll"}.get(sys.platform, "libctm.so"))
_INSTALLED = {"darwin": "libctm.0.dylib", "win32": "ctm.dll"}.get(sys.platform, "libctm.so.0")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _check(library: Any, path: str) -> None:
    """A library that lacks something is refused here, in words, and not at the first call that needs it."""
    try:
        version = ffi.string(library.ctm_version()).decode()
    except (AttributeError, ffi.error):
        raise LibraryTooOldError(f"{path} has no function ctm_version: it is not libctm") from None
    have, need = _numbers(version), _numbers(HEADER_VERSION)
    if have[0] != need[0] or have < need:
        raise LibraryTooOldError(
            f"{path} is version {version} of libctm; {HEADER_VERSION} or newer, but below {need[0] + 1}.0, is expected"
        )
    for name in dir(library):
        try:
            getattr(library, name)
        except (AttributeError, ffi.error):
            raise LibraryTooOldError(
                f"{path} has no function {name}: it is an older build of version {version} than this package expects"
            ) from None


def _load() -> tuple[Any, str]:
    chosen = os.environ.get("CTM_LIBRARY")
    paths = [chosen] if chosen else [str(path) for path in (_BUNDLED,) if path.exists()] + [_INSTALLED]
    reasons = []
    for path in paths:
        try:
            library = ffi.dlopen(path)
        except OSError as error:
            reasons.append(str(error))
            continue
        _check(library, path)
        return library, path
    where = "named by CTM_LIBRARY" if chosen else "beside this package or installed"
    raise LibraryNotFoundError(
        f"libctm cannot be loaded ({where}): {'; '.join(reasons)}. "
        "Install the wheel for this platform, or let CTM_LIBRARY name the library's file."
    )


lib, library_path = _load()


def text(pointer: Any) -> str:
    """A string of the library's."""
    return str(ffi.string(pointer).decode("utf-8", "replace"))


def library_version() -> str:
    """Give the version of the libctm that is loaded.

    Returns
    -------
    str
        Three numbers: "0.2.0".
    """
    return text(lib.ctm_version())


def devices() -> list[str]:
    """List this machine's Vulkan devices, in the order in which they are chosen.

    Returns
    -------
    list of str
        Their names, parts of which `Context(device=…)` takes. Empty where there is no Vulkan.
    """
    names: list[str] = []
    while (name := lib.ctm_device_name(len(names))) != ffi.NULL:
        names.append(text(name))
    return names


def failure(status: int, context: Any) -> Error:
    """The exception for a call that has just failed."""
    return from_status(status, in_python(text(lib.ctm_last_error(context)) or text(lib.ctm_status_string(status))))
