"""The calls that are at work, and their end where Python ends first."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ._errors import CancelledError

# A call that is cancelled ends within milliseconds, unless a function of the user's or a device holds it up.
_PATIENCE_S = 10.0

_calls: dict[object, tuple[int, Callable[[], object]]] = {}
_ended_by: int | None = None


@contextmanager
def running(cancel: Callable[[], object]) -> Iterator[None]:
    """Notes that this thread is in the library, where it may be called back, and how that is ended."""
    call, thread = object(), threading.get_ident()
    _calls[call] = thread, cancel
    try:
        if _ended_by not in (None, thread):
            raise CancelledError("the interpreter is ending; calls of threads that it does not wait for are cancelled")
        yield
    finally:
        _calls.pop(call, None)


def _end_calls() -> None:
    """Python ends the threads that enter it once it has ended itself, in the middle of the library: what calls back must
    have returned by then."""
    global _ended_by
    _ended_by = threading.get_ident()
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        others = [cancel for thread, cancel in list(_calls.values()) if thread != _ended_by]
        if not others:
            return
        # Again each time, since a call may only now begin.
        for cancel in others:
            cancel()
        time.sleep(0.001)


atexit.register(_end_calls)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_calls.clear)  # The other threads are not there.
