"""What compilers of real GPUs say of the shaders: one table of it, compared with the one that is kept. For scripts/drivers.

    statistics_table.py name FOLDER MODULES      names the pipelines that recording_layer.c has written into FOLDER, after the
                                                 modules MODULES/*.spv, drops repeated ones, and checks that none is missing
    statistics_table.py compare FOLDER [--update]
                                                 reads FOLDER/GPU.gpu, which pipelines.c has printed; prints the table, compares
                                                 it with statistics.tsv, or writes that and the one in docs/performance.md
"""

import itertools
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KEPT = HERE / "statistics.tsv"
PAGE = ROOT / "docs" / "performance.md"
UPDATE = "scripts/drivers --update"

# Specialisation constants by whose values pipelines of a module differ, see shaders/README.md: what they are called, and
# all their values.
CHANNELS, LABEL_BITS = 0, 5
VARIANTS = {CHANNELS: ("channels", ["1", "2", "3", "4"]), LABEL_BITS: ("label bits", ["8", "16", "32"])}

# Bytes from a pixel to the next; what "channels" says where these are not four a channel, and the modules of which such a
# pipeline is made: those that read pixels that have crossed a bus, RGB of bytes being those that matter most.
PIXEL_BYTES = 8
BYTES_OF_RGB = "3 bytes"
READ_BYTES_OF_RGB = ["count_buckets", "count_indices", "count_wanted", "label_colors"]

KEY = ["gpu", "shader"] + [name for name, _ in VARIANTS.values()]
FIGURES = ["registers", "register spills", "memory spills", "shared memory", "waves", "code", "latency", "inverse throughput"]

# The figures, from a driver's statistics by name. What a driver does not tell is not there.
RADV = {
    "registers": lambda told: told["VGPRs"],
    "register spills": lambda told: told["Spilled SGPRs"],  # to lanes of vector registers
    "memory spills": lambda told: told["Spilled VGPRs"] + told["Scratch size"],
    "shared memory": lambda told: told["LDS size"],
    "waves": lambda told: told["Subgroups per SIMD"],
    "code": lambda told: told["Code size"],
    "latency": lambda told: told["Latency"],
    "inverse throughput": lambda told: told["Inverse Throughput"],
}
NVK = {
    "registers": lambda told: told["Number of GPRs"],
    "register spills": lambda told: told["Spills to reg"] + told["Fills from reg"],  # of uniform registers
    "memory spills": lambda told: told["Spills to memory"] + told["Fills from memory"] + told["SLM size"],
    "waves": lambda told: told["Max warps/SM"],
    "code": lambda told: told["Code size"],
    "latency": lambda told: told["Static cycle count"],
}
TURNIP = {
    "registers": lambda told: told["Registers used"],  # of four values each
    "memory spills": lambda told: told["STP Count"] + told["LDP Count"],
    "waves": lambda told: told["Max Waves Per Core"],
    "code": lambda told: 4 * told["Code size"],
    "latency": lambda told: told["Estimated cycles stalled on SS"] + told["Estimated cycles stalled on SY"],
}
HONEYKRISP = {
    "registers": lambda told: told["GPRs"],  # of 16 bits each
    "memory spills": lambda told: told["Spills"] + told["Fills"] + told["Scratch"],
    "waves": lambda told: told["Threads"],
    "code": lambda told: told["Code size"],
    "inverse throughput": lambda told: max(told["ALU"], told["FSCIB"], told["IC"]),  # the busiest unit's cycles
}
DRIVERS = {"RADV": RADV, "NVK": NVK, "Turnip": TURNIP, "Apple": HONEYKRISP}  # by a part of the device's name


class Wrong(Exception):
    """Why the script fails, for who called it."""


def stripped(path):
    """A module's bytes without names and source, which a build may keep or not."""
    command = ["spirv-opt", "--strip-debug", str(path), "-o", "-"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def missing(shader, pipelines):
    """The variants of a shader that no pipeline is: those that are tell which constants it has."""
    made = [variant for name, *variant in pipelines if name == shader]
    if not made:
        return [["with any constants"]]
    columns = zip(zip(*made), VARIANTS.values())
    values = [["-"] if set(column) == {"-"} else all_values for column, (_, all_values) in columns]
    if shader in READ_BYTES_OF_RGB:
        values[0] = [*values[0], BYTES_OF_RGB]
    return [variant for variant in map(list, itertools.product(*values)) if variant not in made]


def name_pipelines(folder, modules):
    modules = {path.stem: stripped(path) for path in sorted(modules.glob("*.spv"))}
    names = {module: name for name, module in modules.items()}
    pipelines = {}
    for line in (folder / "pipelines").read_text().splitlines():
        first, *rest = line.split()
        number = first.partition("=")[2]
        shader = names.get(stripped(folder / f"{number}.spv"))
        if shader is None:
            raise Wrong(f"ctm makes a pipeline of a module that is not in shaders/spirv: {folder}/{number}.spv")
        constants = dict(word.removeprefix("constant=").split(":") for word in rest if word.startswith("constant="))
        bytes_of_pixel, channels = (constants.get(str(constant)) for constant in (PIXEL_BYTES, CHANNELS))
        if bytes_of_pixel is not None and int(bytes_of_pixel) != 4 * int(channels):
            constants[str(CHANNELS)] = f"{bytes_of_pixel} bytes"
        key = (shader, *(constants.get(str(constant), "-") for constant in VARIANTS))
        # In the order of the module's own text or of a hash table's, which says nothing.
        words = " ".join(sorted(rest))
        known, _ = pipelines.setdefault(key, (words, first))
        if known != words:
            raise Wrong(f"two different pipelines have the name {' '.join(key)}:\n  {known}\n  {words}")
    for shader in modules:
        for variant in missing(shader, pipelines):
            raise Wrong(f"every_pipeline.c has ctm make no pipeline {' '.join([shader, *variant])}")
    order = sorted(pipelines)
    (folder / "pipelines").write_text("".join(f"{pipelines[key][1]} {pipelines[key][0]}\n" for key in order))
    (folder / "names").write_text("".join("\t".join(key) + "\n" for key in order))
    print(f"{len(order)} pipelines of {len(modules)} modules")


def figure(told, of):
    """A figure as text; "-" where the driver has none."""
    try:
        return "-" if of is None else str(round(of(told)))
    except KeyError as missing:
        raise Wrong(f"the driver no longer tells {missing}; it tells: {', '.join(sorted(told))}") from missing


def measured(folder):
    """The table, {key: {figure: text}}, and which Mesa has made it."""
    names = [line.split("\t") for line in (folder / "names").read_text().splitlines()]
    table, version = {}, None
    for path in sorted(folder.glob("*.gpu")):
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        (_, device, version), *rows = rows
        driver = next((driver for name, driver in DRIVERS.items() if name in device), None)
        if driver is None:
            raise Wrong(f"{path}: the device {device} is of none of {', '.join(DRIVERS)}")
        statistics = [{} for _ in names]
        for line, name, value in rows:
            statistics[int(line)][name] = float(value)
        for name, told in zip(names, statistics):
            table[(path.stem, *name)] = {title: figure(told, driver.get(title)) for title in FIGURES}
    return table, version


def read_kept():
    if not KEPT.exists():
        return {}, None
    version, _, *lines = KEPT.read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    table = {tuple(row[: len(KEY)]): dict(zip(FIGURES, row[len(KEY) :])) for row in rows}
    return table, version.removeprefix("# ")


def write_kept(table, version):
    rows = ["\t".join([*key, *(figures[title] for title in FIGURES)]) for key, figures in sorted(table.items())]
    KEPT.write_text("\n".join([f"# {version}", "\t".join(KEY + FIGURES), *rows]) + "\n")


def summary(table):
    """Rows of a smaller table: for each GPU and shader the worst of each figure."""
    worst = {}
    for key, figures in sorted(table.items()):
        for title, text in figures.items():
            worst.setdefault(key[:2], {}).setdefault(title, []).append(text)
    rows = [["GPU", "shader", *FIGURES]]
    for key, figures in worst.items():
        row = list(key)
        for title, texts in figures.items():
            values = [int(text) for text in texts if text != "-"]
            row.append("-" if not values else str(min(values) if title == "waves" else max(values)))
        rows.append(row)
    return rows


def printed(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [f"{text:<{width}}" if column < 2 else f"{text:>{width}}" for column, (text, width) in enumerate(zip(row, widths))]
        print("  ".join(cells))


def as_markdown(rows):
    head, *rows = [f"| {' | '.join(row)} |" for row in rows]
    return [head, "| --- | --- |" + " ---: |" * len(FIGURES), *rows]


def page_with(table):
    """The text of the page with this table in place of the one that it has."""
    new = as_markdown(summary(table))
    lines = PAGE.read_text().split("\n")
    if lines.count(new[0]) != 1:
        raise Wrong(f"{PAGE.name} has no table, or several, that begin with: {new[0]}")
    start = lines.index(new[0])
    end = start
    while lines[end].startswith("|"):
        end += 1
    return "\n".join(lines[:start] + new + lines[end:])


def name_of(key):
    return " ".join(part for part in key if part != "-")


def spills(table):
    """Which pipelines spill to memory, a line each."""
    return [f"{name_of(key)}: {of['memory spills']}" for key, of in sorted(table.items()) if of["memory spills"] != "0"]


def is_worse(title, old, new):
    """Whether a figure is worse by more than a tenth; also where there is none on one side."""
    if "-" in (old, new):
        return old != new
    old, new = int(old), int(new)
    return 10 * new < 9 * old if title == "waves" else 10 * new > 11 * old


def worsened(table, kept):
    """What is worse than in the table that is kept, a line each."""
    for key in sorted(table.keys() | kept.keys()):
        if key not in kept:
            yield f"{name_of(key)} is not in the table that is kept"
        elif key not in table:
            yield f"{name_of(key)} is no longer made"
        else:
            for title in FIGURES:
                old, new = kept[key][title], table[key][title]
                if is_worse(title, old, new):
                    yield f"{name_of(key)}: {title}: {old} before, {new} now"


def compare(folder, update):
    table, version = measured(folder)
    printed(summary(table))
    print(f"{len(table)} pipelines, by {version}; each is in {KEPT.relative_to(ROOT)}")
    wrong = []
    if spilled := spills(table):
        wrong += ["these pipelines spill to memory:", *spilled]
    if update and not wrong:
        page = page_with(table)
        write_kept(table, version)
        PAGE.write_text(page)
        return
    kept, kept_version = read_kept()
    worse = list(worsened(table, kept))
    if worse and version != kept_version:
        # The compiler has changed: nothing can be said of the shaders.
        print(f"not judged, because the table that is kept is by {kept_version} ({UPDATE} writes it anew):", *worse, sep="\n  ")
    elif worse:
        wrong += [f"worse than in the table that is kept, by more than a tenth (if that is meant: {UPDATE}):", *worse]
    if PAGE.read_text() != page_with(kept):
        wrong.append(f"{PAGE.relative_to(ROOT)} does not show the table that is kept: {UPDATE} writes both")
    if wrong:
        raise Wrong("\n  ".join(wrong))


def main(arguments):
    match arguments:
        case ["name", folder, modules]:
            name_pipelines(pathlib.Path(folder), pathlib.Path(modules))
        case ["compare", folder, *update] if update in ([], ["--update"]):
            compare(pathlib.Path(folder), bool(update))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Wrong as wrong:
        sys.exit(f"drivers: {wrong}")
