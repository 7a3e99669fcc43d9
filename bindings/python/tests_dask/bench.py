"""What chunks and processes cost and bring: python bench.py, in the environment of the tests."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Callable

import ctm.dask
import dask
import dask.array as da
import numpy as np
import zarr
from distributed import Client, LocalCluster
from PIL import Image

ROOT = Path(__file__).parents[3]


def seconds(call: Callable[[], Any], times: int = 3) -> float:
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spans.append(time.perf_counter() - start)
    return min(spans)


def work(client: Client, call: Callable[[], Any], times: int = 3) -> str:
    """What passed, and how much each worker process worked meanwhile, which other programs change less."""
    call()
    before = client.run(time.process_time)
    passed = seconds(call, times)
    after = client.run(time.process_time)
    shares = sorted((after[worker] - before[worker]) / times for worker in after)
    return f"{passed:5.2f} (work {' + '.join(f'{share:.2f}' for share in shares)})"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/map.zarr"
        with Image.open(ROOT / "data/world-countries-2048.png") as image:
            pixels = np.tile(np.array(image.convert("RGB")), (8, 4, 1))
        store = zarr.open_array(path, mode="w", shape=pixels.shape, chunks=(2048, 2048, 3), dtype="u1")
        store[:] = pixels
        array = da.from_zarr(path)
        labels = f"{folder}/labels.zarr"

        def read_and_write() -> None:
            da.to_zarr(array[..., 0], labels, overwrite=True)

        def whole() -> None:
            ctm.dask.analyze(array).labels.to_zarr(labels, overwrite=True)

        print(f"{pixels.shape[1]} x {pixels.shape[0]} of uint8, {array.npartitions} chunks, Zarr to Zarr; best of 3, seconds")
        with ctm.Context("cpu", threads=1) as context:
            start = time.process_time()
            passed = seconds(lambda: context.analyze(pixels, outputs=["labels", "palette"]))
            print(f"one call in memory, 1 thread: {passed:5.2f} (work {(time.process_time() - start) / 3:.2f})")
        for processes in (1, 2):
            with LocalCluster(
                n_workers=processes, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster, Client(cluster) as client:
                print(
                    f"{processes} processes: count {work(client, lambda: dask.compute(ctm.dask.count(array)))}, "
                    f"count and label {work(client, whole)}; without ctm, copy {work(client, read_and_write)}"
                )


if __name__ == "__main__":
    main()
