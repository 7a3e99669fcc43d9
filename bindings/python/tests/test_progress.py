"""A call tells how far it is, and can be stopped."""

from __future__ import annotations

import logging
import threading
from typing import Any

import ctm
import numpy as np
import pytest

# So many colours take a while.
LONG = np.arange(6_000_000, dtype=np.float32).reshape(2000, 3000)


def test_progress(context: ctm.Context) -> None:
    told: list[float] = []
    context.analyze(LONG, outputs=["labels"], max_count=3, progress=told.append)
    assert told[0] == 0 and told[-1] == 1 and told == sorted(told) and len(told) > 2


def test_a_second_try_does_not_begin_anew(cpu: ctm.Context) -> None:
    told: list[float] = []
    cpu.analyze(np.arange(300, dtype=np.uint16).reshape(1, -1), outputs=["labels"], progress=told.append)
    assert told == sorted(told) and told[-1] == 1


@pytest.mark.parametrize("how", ["returns False", "raises", "cancels"])
def test_stopped_from_within(context: ctm.Context, how: str) -> None:
    def stop(done: float) -> Any:
        if how == "raises":
            raise KeyboardInterrupt
        if how == "cancels":
            context.cancel()
        return how != "returns False"

    with pytest.raises(KeyboardInterrupt if how == "raises" else ctm.CancelledError):
        context.analyze(LONG, progress=stop)
    assert context.masks(LONG[:2, :2]).shape == (4, 2, 2)


def test_cancelled_by_another_thread(context: ctm.Context) -> None:
    inside = threading.Event()
    canceller = threading.Thread(target=lambda: (inside.wait(), context.cancel()))
    canceller.start()

    def wait(done: float) -> None:
        if done < 0.1:
            inside.set()
            canceller.join()

    with pytest.raises(ctm.CancelledError) as caught:
        context.analyze(LONG, progress=wait)
    assert caught.value.status == 11


def test_no_call_within_a_call(context: ctm.Context) -> None:
    with pytest.raises(ctm.InvalidArgumentError):
        context.analyze(LONG, progress=lambda done: context.masks(LONG[:2, :2]))


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("ctm.test")
    with caplog.at_level(logging.DEBUG, "ctm.test"):
        with ctm.Context("cpu", logger=logger) as context:
            context.masks(LONG[:2, :2])
    assert any(record.levelno == logging.DEBUG for record in caplog.records)
    caplog.clear()
    with caplog.at_level(logging.ERROR, "ctm.test"), ctm.Context("cpu", logger=logger) as context:
        context.masks(LONG[:2, :2])
    assert not caplog.records
