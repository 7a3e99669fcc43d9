"""Draws DIR/speed.csv: bars for full HD, lines over the number of pixels. Both scales are logarithmic."""

import csv
import math
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLORS = ["#9a9a9a", "#0b6e4f", "#3ba776", "#d1495b", "#7b4fa3", "#2e75b6", "#78aee0", "#e08e2b", "#5c4b3a"]


def read(path):
    """{(input, width, height, channels, max_count, min_pixels): {column: (median, min, max)}}"""
    rows = defaultdict(dict)
    with open(path, newline="") as file:
        for line in csv.DictReader(file):
            names = ("width", "height", "channels", "max_count", "min_pixels")
            key = (line["input"], *(int(line[name]) for name in names))
            times = tuple(float(line[name]) for name in ("median_ms", "min_ms", "max_ms"))
            rows[key].setdefault(line["column"], times)
    for columns in rows.values():
        for name in [name for name in columns if ", streaming" in name]:
            times, plain = columns.pop(name), name.partition(", streaming")[0]
            columns[plain] = min(columns[plain], times)  # of the floor's manners, the fastest
    return rows


def common(rows):
    """Rows with the settings that all sizes have, and the columns of the plots."""
    rows = {key: columns for key, columns in rows.items() if key[3:] == (3, 5, 1)}
    names = []
    for columns in rows.values():
        names += [name for name in columns if name not in names]
    return rows, [name for name in names if not name.endswith(("fresh pages", "cold", "1 thread"))]


def kinds_of(rows):
    return list(dict.fromkeys(key[0] for key in rows))


def bars(rows, path):
    rows, names = common(rows)
    rows = {key: columns for key, columns in rows.items() if key[1:3] == (1920, 1080)}
    kinds = kinds_of(rows)
    if not kinds:
        return
    figure, axes = plt.subplots(figsize=(13, 6), layout="constrained")
    width = 0.86 / len(names)
    for index, name in enumerate(names):
        cells = {key[0]: columns[name] for key, columns in rows.items() if name in columns}
        places = [kinds.index(kind) + (index - (len(names) - 1) / 2) * width for kind in cells]
        medians = [median for median, _, _ in cells.values()]
        below = [median - low for median, low, _ in cells.values()]
        above = [high - median for median, _, high in cells.values()]
        axes.bar(places, medians, width * 0.94, label=name, color=COLORS[index % len(COLORS)],
                 yerr=(below, above), error_kw={"linewidth": 0.8, "ecolor": "#333333"})
        for place, median, high in zip(places, medians, (high for _, _, high in cells.values())):
            axes.annotate(f"{median:.0f}" if median >= 100 else f"{median:.3g}", (place, high), (0, 3), textcoords="offset points",
                          rotation=90, ha="center", va="bottom", fontsize=7)
    axes.set_yscale("log")
    axes.margins(x=0.02, y=0.16)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_ylabel("ms, median (lines: shortest to longest)")
    axes.set_title("1920 x 1080, 3 channels, at most 5 masks")
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
    axes.legend(ncols=len(names), loc="upper center", bbox_to_anchor=(0.5, -0.06), frameon=False, fontsize=8)
    save(figure, path)


def lines(rows, path):
    rows, names = common(rows)
    kinds = kinds_of(rows)
    across = min(4, len(kinds))
    down = math.ceil(len(kinds) / across)
    figure, grid = plt.subplots(down, across, figsize=(3.6 * across, 3.4 * down), sharex=True, sharey=True,
                                squeeze=False, layout="constrained")
    cells = list(grid.flat)
    for axes, kind in zip(cells, kinds):
        for index, name in enumerate(names):
            points = sorted((key[1] * key[2] / 1e6, *columns[name]) for key, columns in rows.items()
                            if key[0] == kind and name in columns)
            if points:
                pixels, medians, _, _ = zip(*points)
                axes.plot(pixels, medians, marker="o", markersize=3.5, linewidth=1.4, label=name,
                          color=COLORS[index % len(COLORS)])
        axes.set_title(kind, fontsize=10)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = sorted({key[1] * key[2] / 1e6 for key in rows})
        axes.set_xticks(ticks, [f"{tick:.1f}" for tick in ticks])
        axes.minorticks_off()
        axes.grid(linewidth=0.4, alpha=0.6)
        axes.tick_params(labelbottom=True)
    for axes in cells[len(kinds):]:
        axes.set_axis_off()
    figure.supxlabel("million pixels")
    figure.supylabel("ms, median")
    figure.suptitle("3 channels, at most 5 masks")
    by_name = {}
    for axes in cells:
        for handle, name in zip(*axes.get_legend_handles_labels()):
            by_name.setdefault(name, handle)
    if len(cells) > len(kinds):
        cells[-1].legend(by_name.values(), by_name.keys(), loc="center", frameon=False)
    else:
        figure.legend(by_name.values(), by_name.keys(), loc="outside lower center", ncols=5, frameon=False)
    save(figure, path)


def save(figure, path):
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(path)


def main():
    source = Path(sys.argv[1])
    rows = read(source)
    bars(rows, source.with_name("full-hd.png"))
    lines(rows, source.with_name("over-pixels.png"))


if __name__ == "__main__":
    main()
