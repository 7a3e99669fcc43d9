"""Contexts that are made at their first use."""

from __future__ import annotations

import os
import threading
from typing import Any

from ._context import Context


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
