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


def seconds(call: Callable[[], Any]) -> float:
    spans = []
    for _ in range(4):
        start = time.perf_counter()
        call()
        spans.append(time.perf_counter() - start)
    return min(spans)


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
            ctm.dask.analyse(array).labels.to_zarr(labels, overwrite=True)

        print(f"{pixels.shape[1]} x {pixels.shape[0]} of uint8, {array.npartitions} chunks, Zarr to Zarr; best of 4, seconds")
        for threads in (1, 2):
            with ctm.Context("cpu", threads=threads) as context:
                one = seconds(lambda: context.analyse(pixels, outputs=["labels", "palette"]))
            print(f"one call in memory, {threads} threads               {one:6.2f}")
        for processes in (1, 2):
            with LocalCluster(
                n_workers=processes, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster, Client(cluster):
                counted = seconds(lambda: dask.compute(ctm.dask.count(array)))
                both = seconds(whole)
                copied = seconds(read_and_write)
            print(
                f"{processes} processes: count {counted:5.2f}, count and label {both:5.2f}; "
                f"for comparison: Zarr to Zarr without ctm {copied:5.2f}"
            )


if __name__ == "__main__":
    main()
