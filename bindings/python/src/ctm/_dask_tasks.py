"""What `ctm.dask` has workers do, chunk by chunk."""

from __future__ import annotations

import threading
from typing import Any

from numpy.typing import NDArray

from ._context import Context
from ._counts import Counts
from ._mosaic import Mosaic
from ._regions import Regions

_contexts = threading.local()


def _context(arguments: dict[str, Any]) -> Context:
    """This thread's context: one thread of a worker is not to wait for another's call."""
    made: dict[str, Context] = _contexts.__dict__
    key = repr(sorted(arguments.items()))
    if key not in made:
        made[key] = Context(**arguments)
    return made[key]


def count_colors(block: Any, arguments: dict[str, Any], settings: dict[str, Any]) -> Counts:
    counts = Counts(_context(arguments))
    counts.add(block, **settings)
    return counts


def find_regions(block: Any, place: tuple[int, int], shape: tuple[int, int], counts: Any, arguments: dict[str, Any], settings: dict[str, Any]) -> Regions:
    found = Regions(_context(arguments), shape)
    found.add(block, place, counts=counts, **settings)
    return found


def add(several: list[Any], arguments: dict[str, Any], shape: tuple[int, int] | None = None) -> Any:
    place = (_context(arguments),) if shape is None else (_context(arguments), shape)
    total = type(several[0])(*place)
    for part in several:
        total.merge(part)
    return total


def collect_runs(block: Any, shape: tuple[int, int], left: int, top: int, arguments: dict[str, Any]) -> Mosaic:
    mosaic = Mosaic(_context(arguments), shape)
    mosaic.add(block, left, top)
    return mosaic


def select(whole: Any, settings: dict[str, Any]) -> NDArray[Any]:
    selected: NDArray[Any] = whole.select(**settings)
    return selected


def _part(names: str, regions: Any, block_info: Any) -> dict[str, Any]:
    """Where a block is, if regions go on in others."""
    if regions is None:
        return {}
    location = block_info[0]["array-location"]
    top, left = (location[names.index(axis)][0] for axis in "HW")
    return {"regions": regions, "place": (left, top)}


def label(block: Any, counts: Any, regions: Any, names: str, arguments: dict[str, Any], settings: dict[str, Any], block_info: Any = None) -> Any:
    part = _part(names, regions, block_info)
    return _context(arguments).analyze(block, outputs=["labels"], counts=counts, **part, **settings).labels


def mask(block: Any, counts: Any, regions: Any, names: str, arguments: dict[str, Any], settings: dict[str, Any], block_info: Any = None) -> Any:
    part = _part(names, regions, block_info)
    return _context(arguments).analyze(block, outputs=["masks"], counts=counts, **part, **settings).masks
