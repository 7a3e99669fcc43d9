"""Holds the figures of benches/rows against their goals:

    python3 table.py JSON              prints a table, and writes it beside JSON as .tsv
    python3 table.py JSON --markdown   writes it into docs/performance.md, too, in place of the one that is there

Why a goal is not met is in reasons.tsv, once somebody knows: a row's name, a tab, the reason.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER.parent.parent / "docs" / "performance.md"
COLUMNS = ["road", "row", "figure", "compared with", "ratio", "goal", "verdict"]
FOOT = """\
Figures are medians, of bytes RGB at 3840 x 2160 and at most five masks unless said otherwise. A ratio is of two rows that took
turns; those to rivals in Python, named before a colon, are of rows measured minutes apart. Goals in ms and MB are for two cores
of an AMD EPYC server; goals as ratios hold on any machine. At 1.05 threads are no slower than one: the clock leaves 5 % open."""


def reasons(names: set[str]) -> dict[str, str]:
    lines = (FOLDER / "reasons.tsv").read_text().splitlines()
    known = dict(line.split("\t", 1) for line in lines if line and not line.startswith("#"))
    return {name: reason for name, reason in known.items() if name in names}


def figure(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
    return f"{value:.{digits}f} {unit}"


def line(row: dict, goal: dict | None, bases: dict[str, dict], why: dict[str, str]) -> list[str]:
    start = [row["road"], row["name"], figure(row["median"], row["unit"])]
    if goal is None:
        return [*start, "", "", "", ""]
    limit, base = goal["limit"], goal["base"]
    if not base:
        if row["unit"] == "CPU ms":  # of all threads: goals are by the clock
            return [*start, "", "", f"≤ {limit:g} ms", ""]
        return [*start, "", "", f"≤ {limit:g} {row['unit']}", verdict(row["median"] <= limit, row["name"], why)]
    comparable = base in bases and bases[base]["unit"] == row["unit"]
    ratio = goal["ratio"] or (row["median"] / bases[base]["median"] if comparable else None)
    if ratio is None:
        return [*start, base, "not measured", f"≤ {limit:g}" if limit else "", ""]
    judged = verdict(round(ratio, 2) <= limit, row["name"], why) if limit else ""
    return [*start, base, f"{ratio:.2f}", f"≤ {limit:g}" if limit else "", judged]


def verdict(met: bool, name: str, why: dict[str, str]) -> str:
    return "met" if met else "NOT MET" + (f": {why[name]}" if name in why else "")


def table(rows: list[dict]) -> list[list[str]]:
    bases = {row["name"]: row for row in rows}
    why = reasons(set(bases))
    rows = sorted(rows, key=lambda row: int(row["road"]))  # stable: a road's rows stay in their order
    return [line(row, goal, bases, why) for row in rows for goal in row["goals"] or [None]]


def summary(lines: list[list[str]]) -> str:
    judged = [line for line in lines if line[-1]]
    missed = {line[0] for line in judged if line[-1] != "met"}
    roads = {line[0] for line in judged}
    met = sum(line[-1] == "met" for line in judged)
    return f"{met} of {len(judged)} goals are met, and all of them on {len(roads - missed)} of {len(roads)} roads."


def text(lines: list[list[str]]) -> str:
    shown = [COLUMNS, *lines]
    widths = [max(len(line[column]) for line in shown) for column in range(len(COLUMNS) - 1)]
    return "\n".join("  ".join([*map(str.ljust, line, widths), line[-1]]).rstrip() for line in shown)


def markdown(lines: list[list[str]]) -> str:
    judged = [line for line in lines if line[3] or line[-1]]
    cells = ["| " + " | ".join(line) + " |" for line in [COLUMNS, *judged]]
    cells.insert(1, "| ---: | --- | ---: | --- | ---: | ---: | --- |")
    return "\n".join([*cells, "", FOOT, "", summary(lines)])


def main():
    source = Path(sys.argv[1])
    lines = table(json.loads(source.read_text()))
    source.with_suffix(".tsv").write_text("".join("\t".join(line) + "\n" for line in [COLUMNS, *lines]))
    print(f"{text(lines)}\n\n{FOOT}\n\n{summary(lines)}\n{source.with_suffix('.tsv')}")
    if sys.argv[2:] == ["--markdown"]:
        page = PAGE.read_text()
        written, places = re.subn("(<!-- rows -->\n).*(<!-- /rows -->)",
                                  lambda found: f"{found[1]}\n{markdown(lines)}\n\n{found[2]}", page, flags=re.DOTALL)
        if places != 1:
            sys.exit(f"{PAGE} has no place for the rows")
        PAGE.write_text(written)


if __name__ == "__main__":
    main()
