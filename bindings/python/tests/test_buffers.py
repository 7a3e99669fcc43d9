"""Arrays that calls make have memory of their own, which is used again once nothing is left of them."""

from __future__ import annotations

import gc
import threading
from typing import Any

import ctm
import numpy as np
import pytest
from ctm import _buffers

# Masks of more bytes than the least that are kept.
IMAGE = (np.arange(1200 * 1000, dtype=np.uint32) // 70_000 % 7).astype(np.uint8).reshape(1200, 1000)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    gc.collect()
    ctm.free_memory()


def masks(context: ctm.Context, count: int = 3) -> Any:
    return context.masks(IMAGE, max_count=count, mask_format="uint8")


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_is_used_again_once_nothing_is_left(cpu: ctm.Context) -> None:
    first = masks(cpu)
    expected, place = first.copy(), address(first)
    view = memoryview(first[1:, ::2])
    second = masks(cpu)
    assert address(second) != place
    del first
    third = masks(cpu)
    assert address(third) not in (place, address(second))
    assert np.array_equal(view, expected[1:, ::2])
    view.release()
    del view
    fourth = masks(cpu)
    assert address(fourth) == place
    for array in second, third, fourth:
        assert np.array_equal(array, expected)
        assert array.flags.writeable and address(array) % 64 == 0


def test_memory_of_another_size_is_not_taken(cpu: ctm.Context) -> None:
    array = masks(cpu)
    place = address(array)
    del array
    others = [masks(cpu, count) for count in (7, 1)]  # It is too small, and more than twice as large.
    assert place not in map(address, others)
    assert address(masks(cpu, 2)) == place


def test_masks_outlive_their_context() -> None:
    with ctm.Context("cpu") as context:
        array = masks(context)
    ctm.free_memory()
    assert array.sum(dtype=np.uint64) > 0
    array[:] = 7


def test_what_is_kept_is_bounded(cpu: ctm.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = [masks(cpu) for _ in range(5)]
    del arrays
    assert len(_buffers._kept) == 2
    ctm.free_memory()
    assert not _buffers._kept
    # Only what was written counts: there is room for 32 masks at first, of which there are 7.
    monkeypatch.setattr(_buffers, "_KEPT_BYTES", 8 * IMAGE.size)
    array = cpu.masks(IMAGE, mask_format="uint8")
    assert len(array) == 7
    del array
    assert [buffer.written for buffer in _buffers._kept] == [7 * IMAGE.size]
    monkeypatch.setattr(_buffers, "_KEPT_BYTES", 6 * IMAGE.size)
    array = cpu.masks(IMAGE, mask_format="uint8")
    del array
    assert not _buffers._kept


def test_threads_never_share_memory(cpu: ctm.Context) -> None:
    expected, wrong = masks(cpu), []

    def work() -> None:
        with ctm.Context("cpu", threads=1) as context:
            for _ in range(30):
                mine = masks(context)
                labels = context.analyze(IMAGE, outputs=["labels"], max_count=3).labels
                if not np.array_equal(mine, expected) or labels is None or np.count_nonzero(labels == 2) != (mine[1] > 0).sum():
                    wrong.append(mine)
                mine[:] = 9

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
