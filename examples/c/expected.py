"""What the examples should print, computed with numpy and without ctm, and a look at the pictures that they wrote:

    expected.py EXAMPLE OUT.png IMAGE.png [LEGEND.png]
    expected.py huge WIDTH HEIGHT BAND-ROWS MASKS
    expected.py segment FOLDER IMAGE.png COUNTRIES.json

A colour is a number here: its bytes, red first. Their order is then the library's.
"""

import json
import os
import sys
from itertools import combinations

import numpy as np
from PIL import Image


def read(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(np.int64)


def packed(pixels):
    """Each pixel's colour as one number."""
    number = np.zeros(pixels.shape[:2], np.int64)
    for channel in range(pixels.shape[2]):
        number = number * 256 + pixels[:, :, channel]
    return number


def unpacked(colors):
    return np.stack([colors >> shift & 255 for shift in (16, 8, 0)], axis=-1)


def by_frequency(colors, least=1, most=None):
    """The colours with so many pixels and their counts, most frequent first, ties by colour."""
    values, counts = np.unique(colors, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= least][:most]
    return values[order], counts[order]


def looked_up(table, numbers, otherwise=0):
    """The entry of a dictionary for each number."""
    keys = np.array(sorted(table))
    values = np.array([table[key] for key in keys])
    places = np.minimum(np.searchsorted(keys, numbers), len(keys) - 1)
    return np.where(keys[places] == numbers, values[places], otherwise)


def painted(colors, into):
    """The picture with each colour as what it became, black where that is nothing."""
    return unpacked(looked_up(into, colors))


def labelled(colors, palette):
    return looked_up({color: number + 1 for number, color in enumerate(palette.tolist())}, colors)


def distances(palette, colors, chebyshev):
    """From each colour (rows) to each of the palette; squared, the Euclidean ones."""
    apart = np.abs(unpacked(colors)[:, None, :] - unpacked(palette)[None, :, :])
    return apart.max(axis=2) if chebyshev else (apart**2).sum(axis=2)


def box(inside):
    """Left, top, width, height."""
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    return columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1


def palette(pixels):
    colors = packed(pixels)
    values, counts = by_frequency(colors, 5000, 12)
    boxes = [box(colors == color) for color in values]
    cropped = sum((width + 7) // 8 * height for _, _, width, height in boxes)
    plane = colors.size * len(values)
    for name, size in ("floats", 4 * plane), ("bytes", plane), ("bits", plane // 8), ("cropped bits", cropped):
        print(f"{len(values):2} masks of {name:12}: {size:9} bytes")
    print(f"labels of 16 bits       : {2 * colors.size:9} bytes\n")
    print("mask  colour     pixels  box                     first pixel  centroid")
    for number, (color, count, (left, top, width, height)) in enumerate(zip(values, counts, boxes)):
        rows, columns = np.nonzero(colors == color)
        print(f"{number + 1:4}  {color:06x}   {count:8}  {width:4} x {height:4} at {left:4}, {top:4}  {columns[0]:4}, {rows[0]:4}"
              f"   {columns.sum() / count:7.2f}, {rows.sum() / count:7.2f}")
    print(f"\nmask {len(values)}:")
    step = (width + 47) // 48
    for row in (colors == color)[top : top + height : 2 * step, left : left + width : step]:
        print("".join(".#"[pixel] for pixel in row.astype(int)))
    return painted(colors, dict(zip(values, values)))


def pixel_formats(pixels):
    colors = packed(pixels)

    def row(name, counts, same):
        print(f"{name:38} {len(counts):5} {counts.sum():8}  {same}")

    print(f"{'pixels':38} masks in masks")
    _, counts = by_frequency(colors, 500)
    row("RGB, bytes", counts, "")
    for name in ("BGRX, bytes, padded rows", "RGB, bytes, bottom row first", "planes of floats", "ARGB, 16 bits, alpha ignored"):
        row(name, counts, "the same")
    height, width = colors.shape
    left, top = width // 4, height // 4
    _, counts = by_frequency(colors[top : top + (height + 1) // 2, left : left + (width + 1) // 2], 500)
    row("the middle, as a rectangle of interest", counts, "")
    row("the middle, by a stride", counts, "the same")


def matching(pixels):
    colors = packed(pixels)
    every, counts_of_all = by_frequency(colors)
    masks, counts = by_frequency(colors, 500)

    def row(name, masks, pixels):
        print(f"{name:46} {masks:5} {pixels:8}")

    def joined(chebyshev, tolerance):
        bound = tolerance if chebyshev else tolerance**2
        return counts_of_all[distances(masks, every, chebyshev).min(axis=1) <= bound].sum()

    print(f"{'':46} masks   pixels")
    row("bytes", len(masks), counts.sum())
    number = np.arange(colors.size).reshape(colors.shape)
    _, off = by_frequency(colors * 3 + number % 3, 500)  # Three values that the same byte gave.
    row("floats that are a little off", len(off), off.sum())
    row("the same, matched with 8 bits", len(masks), counts.sum())
    row("bytes, 10 around the colours of masks", len(masks), joined(False, 10))
    row("bytes, 10 around them in each channel", len(masks), joined(True, 10))
    row("bytes, 40 around them in each channel", len(masks), joined(True, 40))
    width = colors.shape[1]
    alpha = np.arange(width) * 256 // width
    _, counts_with_alpha = by_frequency(colors * 256 + alpha, 500)
    row("with alpha as part of the colour", len(counts_with_alpha), counts_with_alpha.sum())
    row("with alpha ignored", len(masks), counts.sum())
    _, opaque = by_frequency(colors[:, alpha >= 128], 500)
    row("where alpha is at least 128", len(opaque), opaque.sum())
    apart = distances(masks, every, True)
    near = apart.min(axis=1) <= 40
    return painted(colors, dict(zip(every[near], masks[apart[near].argmin(axis=1)])))


def given_palette(pixels):
    colors = packed(pixels)
    names = ["Russia", "Canada", "United States", "China", "Brazil", "Australia", "Argentina"]
    given = np.array([0x4B91A6, 0xE0B165, 0x9CE087, 0xE3F291, 0x4B8FA6, 0xCC5333, 0x5CA2CC])
    every, counts = by_frequency(colors)
    missing = ~np.isin(every, [*given, 0xAACDE6, 0x3FE038])
    print(f"not in the palette: {counts[missing].sum()} pixels of {missing.sum()} colours, most of them")
    for color, count in list(zip(every[missing], counts[missing]))[:5]:
        y, x = divmod(np.argmax(colors == color), colors.shape[1])
        print(f"    {color:06x}: {count} pixels, the first at {x}, {y}")
    print("if that is an error:", "the call fails" if missing.any() else "there is none")
    print("\nmask  name           colour    pixels  with the nearest colours")
    nearest = distances(given, every, False).argmin(axis=1)  # Of equally near ones the first.
    for number, (name, color) in enumerate(zip(names, given)):
        joined = counts[(every == color) | (missing & (nearest == number))].sum()
        print(f"{number + 1:4}  {name:13}  {color:06x}   {(colors == color).sum():7}  {joined:7}")
    in_masks = missing | np.isin(every, given)
    return painted(colors, dict(zip(every[in_masks], given[nearest[in_masks]])))


def batch(pixels):
    colors = packed(pixels)
    step = colors.shape[1] // 5
    frames = [colors[:, frame * step : (frame + 2) * step] for frame in range(4)]
    of_first, of_all = by_frequency(frames[0], 1000, 4)[0], by_frequency(np.stack(frames), 1000, 4)[0]
    for title, chosen in (
        ("the colours of the first frame", [of_first] * 4),
        ("the most frequent colours of all frames together", [of_all] * 4),
        ("each frame's own colours", [by_frequency(frame, 1000, 4)[0] for frame in frames]),
    ):
        print(f"{title}\nmask" + "".join(f"           frame {frame}" for frame in range(1, 5)))
        for mask in range(max(map(len, chosen))):
            cells = [(palette[mask], (frame == palette[mask]).sum()) if mask < len(palette) else (0, 0)
                     for frame, palette in zip(frames, chosen)]
            print(f"{mask + 1:4}" + "".join(f"  {color:06x}   {count:7}" for color, count in cells))
        print()


def merging(pixels):
    colors = packed(pixels)
    every, counts = by_frequency(colors)

    def row(name, counts):
        counts = counts[counts >= 100]
        print(f"{name:8} {len(counts):5} masks with {counts.sum():7} pixels")

    row("exact:", counts)
    # Those near the most frequent colour become it; then the same with what is left.
    into, left = np.arange(len(every)), np.arange(len(every))
    while len(left):
        near = distances(every[left[:1]], every[left], False)[:, 0] <= 40**2
        into[left[near]] = left[0]
        left = left[~near]
    row("merged:", np.bincount(into, counts).astype(int))
    moved = np.flatnonzero(into != np.arange(len(every)))
    print(f"{len(moved)} colours with {counts[moved].sum()} pixels became another; most pixels had")
    for place in moved[:8]:
        print(f"    {every[place]:06x}: {counts[place]} pixels, now {every[into[place]]:06x}")
    in_masks = np.bincount(into, counts)[into] >= 100
    return painted(colors, dict(zip(every[in_masks], every[into[in_masks]])))


def shares_of(color, palette):
    """The shares at least 0, together 1, whose mix of the palette's colours is nearest: the best of all subsets."""
    best, best_error = None, np.inf
    subsets = [list(chosen) for size in range(1, len(palette) + 1) for chosen in combinations(range(len(palette)), size)]
    for chosen in subsets:
        base, rest = palette[chosen[0]], palette[chosen[1:]]
        others = np.linalg.lstsq((rest - base).T, color - base, rcond=None)[0] if len(rest) else np.zeros(0)
        shares = np.zeros(len(palette))
        shares[chosen] = [1 - others.sum(), *others]
        error = ((shares @ palette - color) ** 2).sum()
        if shares.min() >= -1e-12 and error < best_error - 1e-9:
            best, best_error = shares, error
    parts = np.floor(best * 65536 + 0.5)
    parts[best.argmax()] += 65536 - parts.sum()
    return parts / 65536


def unmixing(pixels, legend):
    colors, radius = packed(pixels), 2
    values, in_legend = by_frequency(packed(read(legend)))
    labels = labelled(colors, values)
    counts = np.bincount(labels.reshape(-1), minlength=len(values) + 1)[1:]
    around = np.pad(labels, radius)
    unmixed, area, known = counts.copy(), counts.astype(float), {}
    first = (labels == 1).astype(float)  # The first mask's shares.
    rows, columns = np.nonzero(labels == 0)
    side = np.abs(np.arange(-radius, radius + 1))
    ring = np.maximum(side[:, None], side[None, :])
    shared = 0
    for y, x in zip(rows, columns):
        window, found = around[y : y + 2 * radius + 1, x : x + 2 * radius + 1], []
        for distance in range(1, radius + 1):
            near, pixels_there = np.unique(window[ring == distance], return_counts=True)
            new = [(-count, mask) for mask, count in zip(near, pixels_there) if mask and mask not in found]
            found += [mask for _, mask in sorted(new)]
        found = found[:4]
        if not found:
            continue
        key = (colors[y, x], *found)
        if key not in known:
            known[key] = shares_of(unpacked(colors[y, x]).astype(float), unpacked(values[np.array(found) - 1]).astype(float))
        shared += 1
        area[np.array(found) - 1] += known[key]
        first[y, x] = known[key][found.index(1)] if 1 in found else 0
        most = known[key].max() - 1e-9
        unmixed[min(mask for mask, share in zip(found, known[key]) if share > most) - 1] += 1
    print("mask  colour    legend    exact  unmixed    area")
    for mask in range(min(10, len(values))):
        print(f"{mask + 1:4}  {values[mask]:06x}   {in_legend[mask]:7}  {counts[mask]:7}  {unmixed[mask]:7}  {area[mask]:9.1f}")
    whole = counts.sum()
    print(f"{len(values)} masks: {whole} pixels, unmixed {whole + shared}; shares sum to 1 in {whole + shared} and to 0 in "
          f"{colors.size - whole - shared}")
    return (first * 255 + 0.5).astype(int)


def connected(colors, corners):
    """A number for each pixel that is its region's first pixel, counted in reading order."""
    height, width = colors.shape
    begins = np.ones(colors.shape, bool)  # Runs of equal pixels in a row.
    begins[:, 1:] = colors[:, 1:] != colors[:, :-1]
    runs = begins.reshape(-1).cumsum().reshape(colors.shape) - 1
    parents = list(range(int(runs[-1, -1]) + 1))

    def root(run):
        while parents[run] != run:
            parents[run] = run = parents[parents[run]]
        return run

    for right in (-1, 0, 1) if corners else (0,):
        above = slice(max(-right, 0), width - max(right, 0))
        below = slice(max(right, 0), width - max(-right, 0))
        touch = colors[:-1, above] == colors[1:, below]
        for pair in np.unique(runs[:-1, above][touch] * len(parents) + runs[1:, below][touch]).tolist():
            one, other = map(root, divmod(pair, len(parents)))
            parents[max(one, other)] = min(one, other)
    roots = np.array([root(run) for run in range(len(parents))])
    return np.flatnonzero(begins)[roots][runs]


def largest_regions(colors, numbers):
    """Prints the largest of the regions that have these numbers; gives the numbers of all that are no specks."""
    firsts, counts = np.unique(numbers, return_counts=True)
    order = [place for place in np.lexsort((firsts, colors.reshape(-1)[firsts], -counts)) if counts[place] >= 100]
    print(f"{len(order)} regions of at least 100 pixels, the largest\nregion  colour    pixels  box")
    for number, place in enumerate(order[:12]):
        left, top, width, height = box(numbers == firsts[place])
        print(f"{number + 1:6}  {colors.reshape(-1)[firsts[place]]:06x}   {counts[place]:7}  {width:4} x {height:4} at {left:4}, {top:4}")
    return firsts[order].tolist()


def regions(pixels):
    colors = packed(pixels)
    four, eight = (len(np.unique(connected(colors, corners))) for corners in (False, True))
    print(f"{eight} regions where corners connect, {four} where they do not")
    numbers = connected(colors, True)
    order = largest_regions(colors, numbers)
    middle = numbers[numbers.shape[0] // 2, numbers.shape[1] // 2]
    print("in the middle of the picture: region", order.index(middle) + 1 if middle in order else 0)
    greys = {first: 64 + (number + 1) * 73 % 192 for number, first in enumerate(order)}
    return looked_up(greys, numbers)


def absorbed(labels, least_masked, least_unmasked):
    """The rule of docs/absorbing.md: what labels become, and how many regions and pixels got another mask."""
    firsts, numbers, sizes = np.unique(connected(labels, False), return_inverse=True, return_counts=True)
    numbers, old = numbers.reshape(labels.shape), labels.reshape(-1)[firsts]
    settled, masks = sizes >= np.where(old > 0, least_masked, least_unmasked), old.copy()
    sides = [(numbers[:, :-1], numbers[:, 1:]), (numbers[:-1], numbers[1:])]
    one, other = (np.concatenate([side[which].reshape(-1) for side in sides]) for which in (0, 1))
    apart = one != other
    from_, to = (np.concatenate([a[apart], b[apart]]) for a, b in ((one, other), (other, one)))
    while True:
        found = ~settled[from_] & settled[to] & (masks[to] > 0)
        pairs, shared = np.unique(from_[found] * (labels.max() + 1) + masks[to[found]], return_counts=True)
        if len(pairs) == 0:
            break
        regions, into = np.divmod(pairs, labels.max() + 1)
        best = np.lexsort((into, -shared, regions))
        regions, into = regions[best], into[best]
        first = np.append(True, regions[1:] != regions[:-1])
        masks[regions[first]], settled[regions[first]] = into[first], True
    changed = masks != old
    return masks[numbers], changed.sum(), sizes[changed].sum()


def absorbing(pixels):
    colors = packed(pixels)
    values, counts = by_frequency(colors, 500)
    labels, regions, moved = absorbed(labelled(colors, values), 30, colors.size + 1)
    print(f"{regions} regions with {moved} pixels went to the masks around them\nmask  colour     pixels  afterwards")
    afterwards = np.bincount(labels.reshape(-1), minlength=len(values) + 1)[1:]
    for number, row in enumerate(zip(values, counts, afterwards)):
        print(f"{number + 1:4}  {row[0]:06x}   {row[1]:8}    {row[2]:8}")
    return unpacked(np.append(0, values)[labels])


def ids(pixels):
    numbers = packed(pixels) ^ 0xD5000000
    every, counts = by_frequency(numbers)
    print("the most frequent ids")
    for row in zip(every[:5], counts[:5]):
        print(f"{row[0]:12}: {row[1]:8} pixels")
    print(f"ids that are given, without {every[0]}")
    for place in (4, 3):
        print(f"{every[place]:12}: {counts[place]:8} pixels")
    others = [place for place in range(len(every)) if place not in (0, 3, 4)]
    print(f"in neither: {counts[others].sum()} pixels of {len(others)} ids, most of them of {every[1]}")


def corners_of(inside):
    """The corners of a mask's outlines: of each four pixels around a point, one or three inside, or two that only touch there."""
    padded = np.pad(inside, 1).astype(int)
    upper, lower = padded[:-1], padded[1:]
    fours = [upper[:, :-1], upper[:, 1:], lower[:, :-1], lower[:, 1:]]
    touching = (sum(fours) == 2) & (fours[0] == fours[3])
    return int((sum(fours) % 2 == 1).sum() + 2 * touching.sum())


def outlines(pixels):
    colors = packed(pixels)
    print("mask  colour     pixels    runs  corners  area of its rings")
    for number, (color, count) in enumerate(zip(*by_frequency(colors, 5000, 12))):
        inside = colors == color
        column = inside.T.reshape(-1)
        runs = 1 + int(column[0]) + np.count_nonzero(column[1:] != column[:-1])
        print(f"{number + 1:4}  {color:06x}   {count:8}  {runs:6}  {corners_of(inside):7}  {count}")
    print("with a tolerance of a pixel: fewer corners, as many rings")


def parts(pixels):
    colors = packed(pixels)
    numbers = connected(colors, True)
    corners = 0
    for first in largest_regions(colors, numbers):
        inside = numbers == first
        left, top, width, height = box(inside)
        corners += corners_of(inside[top : top + height, left : left + width])
    print(f"their outlines have {corners} corners")


def long_work(pixels):
    masks = len(by_frequency(packed(pixels), 500)[0])
    print(f"finished: {masks} masks; progress ended at 1 and never went back")
    print("given up by its progress function: the call was cancelled")
    print("cancelled by another thread: the call was cancelled")
    print(f"the same context afterwards: {masks} masks\nthe library said what it did")


def segment(folder, image, countries):
    """The files in the folder, pixel by pixel, and their numbers of white ones by the list of countries."""
    colors = packed(read(image))
    values, counts = by_frequency(colors)
    listed = {country: entry["pixels"] for country, entry in json.load(open(countries)).items()}
    assert {",".join(map(str, unpacked(color))): count for color, count in zip(values, counts)} == listed, countries
    names = [f"mask-{number + 1:03}-{color:06x}.png" for number, color in enumerate(values)]
    assert sorted(os.listdir(folder)) == sorted(names), f"{folder} has other files"
    for name, color in zip(names, values):
        assert np.array_equal(np.asarray(Image.open(f"{folder}/{name}")), (colors == color) * 255), f"{name} is another mask"


def mixed(numbers):
    """The hash of huge.c."""
    numbers = np.asarray(numbers, np.uint32)
    numbers = (numbers ^ numbers >> np.uint32(16)) * np.uint32(0x7FEB352D)
    numbers = (numbers ^ numbers >> np.uint32(15)) * np.uint32(0x846CA68B)
    return numbers ^ numbers >> np.uint32(16)


def huge(width, height, rows, masks):
    x, y = np.arange(width, dtype=np.uint32), np.arange(height, dtype=np.uint32)[:, None]
    countries = mixed(x // 700 + 7 * (y // 512)) % 9000
    specks = (x + 1000 - mixed(y) % 1000) % 1000 == 0
    colors = mixed(np.where(specks, mixed(x + y % rows), countries) % 4000) & 0xFFFFFF
    colors = (colors & 255) << 16 | colors & 0xFF00 | colors >> 16
    _, counts = by_frequency(colors, 1000, masks)
    print(f"{width} x {height} pixels, {len(np.unique(colors))} colours, {len(counts)} masks with {counts.sum()} pixels, as counted")


if __name__ == "__main__":
    example, *arguments = sys.argv[1:]
    if example == "huge":
        huge(*map(int, arguments))
    elif example == "segment":
        segment(*arguments)
    else:
        out, image, *more = arguments
        picture = globals()[example](read(image), *more)
        if picture is not None:
            written = np.asarray(Image.open(out)).astype(int)
            assert np.array_equal(written, picture), f"{out}: {(written != picture).sum()} values are wrong"
