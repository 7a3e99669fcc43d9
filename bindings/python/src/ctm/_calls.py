"""The calls that are at work: what they call back, what that raises, and their end where Python ends first."""

from __future__ import annotations

import _thread
import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ._abi import ffi
from ._errors import CancelledError, InvalidTypeError
from ._library import lib, text

_LOG_LEVELS = {
    lib.CTM_LOG_ERROR: logging.ERROR,
    lib.CTM_LOG_WARNING: logging.WARNING,
    lib.CTM_LOG_INFO: logging.INFO,
    lib.CTM_LOG_DEBUG: logging.DEBUG,
}
# A call that is cancelled ends within milliseconds, unless a function of the user's or a device holds it up.
_PATIENCE_S = 10.0

_calls: set[Call] = set()
_of_thread = threading.local()
_ended_by: int | None = None


class Call:
    """A thread's stay in the library, as a `with` statement. It ends with what its callbacks have raised."""

    def __init__(self, cancel: Callable[[], object]) -> None:
        self.cancel = cancel
        self.caught: BaseException | None = None
        self.thread = threading.get_ident()
        self._outer: Call | None = None

    def __enter__(self) -> None:
        self._outer = getattr(_of_thread, "call", None)
        _of_thread.call = self
        _calls.add(self)
        if _ended_by not in (None, self.thread):
            self._leave()
            raise CancelledError("Python is ending, and does not wait for this thread; its calls are cancelled")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        if self.caught is not None:
            raise self.caught

    def _leave(self) -> None:
        _calls.discard(self)
        _of_thread.call = self._outer


def _catch(_kind: Any, error: BaseException, _trace: Any) -> None:
    """Keeps an exception until the library has returned. Ctrl-C's may come before a callback's first line."""
    call: Call = _of_thread.call
    call.caught = call.caught or error
    call.cancel()


class Progress:
    """A Python function as `ctm_params.progress`."""

    def __init__(self, function: Callable[[float], object]) -> None:
        if not callable(function):
            raise InvalidTypeError(f"progress is {function!r}; a function of a number from 0 to 1 is expected")
        self._function = function
        self._highest = -1.0
        self.callback = ffi.callback("int32_t(void *, double)", self._tell, error=1, onerror=_catch)

    def _tell(self, _user: Any, done: float) -> int:
        # A second try begins anew.
        if done <= self._highest:
            return 0
        self._highest = done
        return int(self._function(done) is False)


def interruptible(work: Callable[[], int], cancel: Callable[[], object]) -> int:
    """Does a call on another thread, so that the main one, on which Python handles signals, hears of them. What a
    signal's handler raises ends the call."""
    if threading.current_thread() is not threading.main_thread() or _ended_by is not None:
        return work()
    ended = threading.Lock()
    ended.acquire()
    status: list[int] = []
    caught: list[BaseException] = []

    def call() -> None:
        try:
            status.append(work())
        except BaseException as error:
            caught.append(error)
        finally:
            ended.release()

    try:
        # No `threading.Thread`, whose start waits for the new thread.
        _thread.start_new_thread(call, ())
    except RuntimeError:  # There may be no more threads.
        return work()
    signal: BaseException | None = None
    while True:
        try:
            # With a time-out, since on some systems, and where another thread got the signal, nothing wakes this one.
            if ended.acquire(timeout=0.1):
                break
        except BaseException as error:
            signal = signal or error
            cancel()
    if signal is not None:
        raise signal
    if caught:
        raise caught[0]
    return status[0]


def log_callback(logger: logging.Logger) -> Any:
    """`ctm_options.log` that tells a logger."""

    def log(_user: Any, level: int, message: Any) -> None:
        logger.log(_LOG_LEVELS.get(level, logging.ERROR), "%s", text(message))

    return ffi.callback("void(void *, uint32_t, const char *)", log, onerror=_catch)


def log_level(logger: logging.Logger) -> int:
    """The largest level of which a logger wants messages."""
    wanted = logger.getEffectiveLevel()
    return max((ours for ours, theirs in _LOG_LEVELS.items() if theirs >= wanted), default=1)


def _end_calls() -> None:
    """Python ends threads that come back to it once it has ended, even in the middle of the library: they must have left
    that by then."""
    global _ended_by
    _ended_by = threading.get_ident()
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        others = [call for call in list(_calls) if call.thread != _ended_by]
        if not others:
            return
        # Again each time, since a call may be about to begin.
        for call in others:
            call.cancel()
        time.sleep(0.001)


atexit.register(_end_calls)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_calls.clear)  # The other threads are not there.
