"""The library's context: who is inside, who waits, and its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._abi import ffi
from ._calls import Call, interruptible
from ._errors import InvalidArgumentError
from ._library import failure, lib

if TYPE_CHECKING:
    from typing_extensions import Self


class Handle:
    """A `ctm_context` that one thread at a time is inside of, until it is closed."""

    def __init__(self, create: Callable[[Any], int], kept: Any) -> None:
        # Keeps a call and its error text together. A callback may try another call, which the library refuses.
        self._lock = threading.RLock()
        # Held where the context is used beside a call: it must not be closed meanwhile.
        self._closing = threading.RLock()
        self._at_work: int | None = None
        self._handle: Any = None
        handle = ffi.new("ctm_context **")
        with Call(self._cancel_if_open):
            status = create(handle)
            if status == lib.CTM_OK:
                # What it has, a log for example, is there as long as the context.
                self._handle = ffi.gc(handle[0], lambda context, kept=kept: lib.ctm_destroy(context))
        if status != lib.CTM_OK:
            raise failure(status, ffi.NULL)

    def close(self) -> None:
        """Wait for the calls inside and give back all that the context holds.

        It can be called twice.
        """
        with self._turn(), self._closing:
            handle, self._handle = self._handle, None
            if handle is not None:
                ffi.release(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> Any:
        if self._handle is None:
            raise InvalidArgumentError("the context is closed")
        return self._handle

    def call(self, function: Any, *arguments: Any, accept: Collection[int] = (), long: bool = False, kept: Any = None) -> int:
        # Calls a function of the library that takes a context first; other statuses are raised, and what its callbacks
        # have raised. On the main thread a `long` call hears of signals; `kept` is what it works on.
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
        """End the call that is at work, if there is one, with a `CancelledError`.

        It is for another thread or a callback.
        """
        with self._closing:
            lib.ctm_cancel(self._open())

    def _cancel_if_open(self) -> None:
        with self._closing:
            if self._handle is not None:
                lib.ctm_cancel(self._handle)
