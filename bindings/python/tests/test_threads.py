"""Other Python threads go on while a call is at work, and contexts can be shared, closed and forked."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ctm
import numpy as np
from conftest import oracle

# So many colours take a while.
LONG = np.arange(6_000_000, dtype=np.float32).reshape(2000, 3000)


def test_other_threads_go_on() -> None:
    steps: list[int] = []
    state = {"at work": False, "steps": 0}

    def work() -> None:
        with ctm.Context("cpu", threads=1) as context:
            before = state["steps"]
            context.masks(LONG, max_count=1)
            steps.append(state["steps"] - before)
        state["at work"] = False

    state["at work"] = True
    thread = threading.Thread(target=work)
    thread.start()
    while state["at work"]:
        state["steps"] += 1
    thread.join()
    # With the lock held, nothing would be counted but at the switches before and after the call.
    assert steps[0] > 10_000


def test_one_context_in_several_threads(context: ctm.Context) -> None:
    images = [np.random.default_rng(seed).integers(0, 4, (50, 60, 1)).astype(np.uint8) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: context.masks(image, mask_format="bool"), images))
    for image, masks in zip(images, found):
        np.testing.assert_array_equal(masks, oracle(image)[2])


def test_each_thread_gets_its_own_error(context: ctm.Context) -> None:
    def fail(number: int) -> str:
        try:
            context.masks(np.zeros((2, 2), np.uint8), rectangle=(number, 0, 1, 1))
        except ctm.InvalidArgumentError as error:
            return str(error)
        return "no error"

    with ThreadPoolExecutor(4) as pool:
        for number, text in enumerate(pool.map(fail, range(100, 300)), 100):
            assert f"the rectangle's left is {number}" in text


def _masks_in_child(queue: Any) -> None:
    queue.put(ctm.masks(np.zeros((2, 3), np.uint8)).tolist())


def test_forked_processes_have_a_default_context_of_their_own() -> None:
    ctm.masks(np.zeros((2, 3), np.uint8))
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    child = fork.Process(target=_masks_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == [[[1, 1, 1], [1, 1, 1]]]
    child.join(60)
    assert child.exitcode == 0
