"""Cryptomattes by Psyop's specification 1.2, and a decoder of their own: cryptomatte.py write DIR | check EXR LAYER DIR"""

import json
import struct
import sys
from pathlib import Path

import numpy
import OpenEXR
from PIL import Image, ImageSequence

SIZE = (30, 40)
NAMES = ["bunny", "/World/tree_1", "/World/tree_2", "Kugel.große", "a:b", "a*b", "[x]", "rare"]


def murmur3(data, seed=0):
    """MurmurHash3_x86_32."""
    mask = 0xFFFFFFFF
    rotated = lambda x, n: (x << n | x >> 32 - n) & mask
    mixed = lambda k: rotated(k * 0xCC9E2D51 & mask, 15) * 0x1B873593 & mask
    h, whole = seed, len(data) // 4 * 4
    for at in range(0, whole, 4):
        h = rotated(h ^ mixed(int.from_bytes(data[at : at + 4], "little")), 13)
        h = (h * 5 + 0xE6546B64) & mask
    if data[whole:]:
        h ^= mixed(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    return h ^ h >> 16


def object_id(name):
    """The hash whose float is neither denormal, infinite nor NaN."""
    h = murmur3(name.encode())
    return h ^ 1 << 23 if h >> 23 & 255 in (0, 255) else h


def as_float(bits):
    return numpy.uint32(bits).view(numpy.float32)


def ranked(names, ranks, seed):
    """Planes of id and coverage. Each pixel has objects of decreasing coverage, which sum up to 1 or less."""
    random = numpy.random.default_rng(seed)
    ids = numpy.array([object_id(name) for name in names], numpy.uint32)
    planes = [numpy.zeros(SIZE, numpy.float32) for _ in range(2 * ranks)]
    for y, x in numpy.ndindex(*SIZE):
        present = random.permutation(len(names) - 1)[: random.integers(0, ranks + 1)]
        if (y, x) == (3, 4):
            present = numpy.array([len(names) - 1])
        shares = numpy.sort(random.random(len(present)).astype(numpy.float32))[::-1]
        shares = shares / numpy.float32(max(1, shares.sum()))
        if (y, x) == (3, 4):
            shares[:] = 1
        for rank, (which, share) in enumerate(zip(present, shares)):
            planes[2 * rank][y, x] = ids[which : which + 1].view(numpy.float32)[0]
            planes[2 * rank + 1][y, x] = share
    return planes


def channels(layer, planes, letters="RGBA"):
    return {f"{layer}{i // 4:02}.{letters[i % 4]}": plane for i, plane in enumerate(planes)}


def attributes(layer, manifest=None, **more):
    key = f"cryptomatte/{murmur3(layer.encode()):08x}"[: len("cryptomatte/") + 7]
    fields = {"name": layer, "hash": "MurmurHash3_32", "conversion": "uint32_to_float32", **more}
    if manifest is not None:
        fields["manifest"] = manifest
    return {f"{key}/{field}": value for field, value in fields.items() if value is not None}


def manifest(names):
    return json.dumps({name: f"{object_id(name):08x}" for name in names}, ensure_ascii=False)


def write(folder):
    base = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}

    def save(name, attributes, channels, **more):
        OpenEXR.File({**base, **attributes, **more}, dict(channels)).write(str(folder / name))

    beauty = {c: numpy.ones(SIZE, numpy.float16) for c in "RGBA"}
    objects = ranked(NAMES, 4, 1)
    materials = ranked(["gold", "wood", "glass"], 2, 2)
    preview = {f"CryptoObject.{c}": numpy.ones(SIZE, numpy.float16) for c in "RGB"}
    save(
        "render.exr",
        {
            **attributes("CryptoObject", manifest(NAMES)),
            **attributes("View.CryptoMaterial", manif_file="render.materials.json"),
        },
        {
            **beauty,
            **preview,
            **channels("CryptoObject", objects),
            **channels("View.CryptoMaterial", materials, "rgba"),
        },
    )
    (folder / "render.materials.json").write_text(manifest(["gold", "wood", "glass", "air"]))
    one = channels("CryptoObject", objects)
    named = attributes("CryptoObject", manifest(NAMES))
    save("plain.exr", attributes("CryptoObject"), one)
    window = lambda x, y, w, h: (numpy.array([x, y], numpy.int32), numpy.array([x + w - 1, y + h - 1], numpy.int32))
    save("window.exr", named, one, displayWindow=window(-5, -3, 50, 33), dataWindow=window(0, 0, 40, 30))
    save("tiles.exr", named, one, type=OpenEXR.tiledimage, tiles=OpenEXR.TileDescription())
    # Parts of a file, of which some renderers give each level one: named like the level, and not each with the same window.
    levels = [
        OpenEXR.Part({**base, **named, "name": "CryptoObject00"}, {n: one[f"CryptoObject00.{n}"] for n in "RGBA"}),
        OpenEXR.Part({**base, "name": "beauty"}, beauty),
        OpenEXR.Part({**base, "name": "more"}, {n: plane for n, plane in one.items() if "01." in n}),
    ]
    OpenEXR.File(levels).write(str(folder / "parts.exr"))
    half = {name: plane.astype(numpy.float16) for name, plane in one.items() if name[-1] in "GA"}
    save("half-coverage.exr", named, {**one, **half})
    empty = [numpy.zeros(SIZE, numpy.float32)] * 4
    save("empty.exr", named, channels("CryptoObject", empty))

    # What is wrong.
    save("none.exr", {}, beauty)
    save("no-channels.exr", named, beauty)
    less = lambda *names: {name: plane for name, plane in one.items() if name not in names}
    gap = {n: p for n, p in channels("CryptoObject", objects + objects[:4]).items() if "01." not in n}
    save("gap.exr", named, gap)
    save("odd.exr", named, less("CryptoObject01.A"))
    save("half-ids.exr", named, {**one, "CryptoObject00.R": objects[0].astype(numpy.float16)})
    save("ints.exr", named, {**one, "CryptoObject01.G": objects[3].view(numpy.uint32)})
    save("lossy.exr", named, one, compression=OpenEXR.PXR24_COMPRESSION)
    save("json.exr", attributes("CryptoObject", '{"bunny": "13851a7'), one)
    save("list.exr", attributes("CryptoObject", "[1, 2]"), one)
    save("digits.exr", attributes("CryptoObject", '{"bunny": "xyz"}'), one)
    save("twice.exr", attributes("CryptoObject", '{"a": "13851a76", "a": "13851a77"}'), one)
    save("hash.exr", attributes("CryptoObject", hash="SHA1"), one)
    save("conversion.exr", attributes("CryptoObject", conversion="none"), one)
    save("nameless.exr", {"cryptomatte/abcdef0/hash": "MurmurHash3_32"}, one)
    save("int-name.exr", {"cryptomatte/abcdef0/name": 7}, one)
    save("same.exr", {**named, "cryptomatte/abcdef0/name": "CryptoObject"}, one)
    for name, value in [("nan", numpy.nan), ("inf", numpy.inf)]:
        bad = [plane.copy() for plane in objects]
        bad[0][2, 5], bad[1][2, 5] = as_float(object_id("bunny")), value
        save(f"{name}.exr", named, channels("CryptoObject", bad))
    bad = [plane.copy() for plane in objects]
    bad[2][2, 5], bad[3][2, 5] = as_float(0x7FC00001), 0.5
    save("id.exr", named, channels("CryptoObject", bad))
    inside = folder / "inside"
    inside.mkdir()
    (folder / "secret.json").write_text(manifest(NAMES))
    (inside / "link.json").symlink_to("../secret.json")
    for name, file in [
        ("up", "../secret.json"),
        ("root", str(folder / "secret.json")),
        ("link", "link.json"),
        ("gone", "gone.json"),
        ("broken", "broken.json"),
    ]:
        save(f"inside/{name}.exr", attributes("CryptoObject", manif_file=file), one)
    (inside / "broken.json").write_text('{"bunny" "13851a76"}')


def mattes(path, layer):
    """Each object's coverage, by its id: summed over the ranks from the first on."""
    part = {}
    with OpenEXR.File(str(path), separate_channels=True) as file:
        for index, header in enumerate(map(lambda part: part.header, file.parts)):
            for name, channel in file.channels(index).items():
                whole = name if "." in name else f"{header.get('name', '')}.{name}"
                part[whole.lower()] = channel.pixels
        header = dict(file.parts[0].header)
    size = part[f"{layer.lower()}00.r"].shape
    whole_window = (numpy.array([0, 0]), numpy.array(size[::-1]) - 1)
    shown, data = (header.get(f"{which}Window", whole_window) for which in ("display", "data"))
    planes, level = [], 0
    while f"{layer.lower()}{level:02}.r" in part:
        planes += [part[f"{layer.lower()}{level:02}.{letter}"] for letter in "rgba"]
        level += 1
    whole = tuple(int(n) for n in (shown[1] - shown[0] + 1)[::-1])
    left, top = (int(n) for n in data[0] - shown[0])
    found = {}
    for ids, shares in zip(planes[::2], planes[1::2]):
        bits, shares = ids.view(numpy.uint32), shares.astype(numpy.float32)
        for bit in numpy.unique(bits[shares != 0]):
            matte = found.setdefault(int(bit), numpy.zeros(whole, numpy.float32))
            inner = matte[top : top + bits.shape[0], left : left + bits.shape[1]]
            inner += numpy.where(bits == bit, shares, numpy.float32(0))
    found.pop(0, None)
    return found


def check(path, layer, output):
    """All that the tool has written and told of the masks, against the mattes of this decoder."""
    expected = mattes(path, layer)
    told = json.loads((output / "told.json").read_text())["masks"]
    totals = {bits: float(matte.sum(dtype=numpy.float64)) for bits, matte in expected.items()}
    order = sorted(expected, key=lambda bits: (-round(totals[bits], 6), bits))
    ids = [int(mask["id"], 16) for mask in told]
    assert ids == [bits for bits in order if bits in ids], (ids, order)
    for index, mask in enumerate(told):
        matte = expected[ids[index]]
        assert mask["index"] == index + 1
        assert abs(mask["pixels"] - totals[ids[index]]) < 1e-6, mask
        assert mask["name"] is None or object_id(mask["name"]) == ids[index], mask
        png = numpy.asarray(Image.open(mask["file"]))
        rounded = numpy.floor(matte.clip(0, 1) * numpy.float32(255) + numpy.float32(0.5))
        assert png.dtype == numpy.uint8 and (png == rounded).all(), mask
    with numpy.load(output / "masks.npz") as arrays:
        assert arrays["masks"].dtype == numpy.float32 and arrays["ids"].tolist() == ids
        assert arrays["pixels"].tolist() == [mask["pixels"] for mask in told]
        texts = [mask["name"] or mask["id"] for mask in told]
        assert arrays["names"].tolist() == texts, (arrays["names"], texts)
        for index, bits in enumerate(ids):
            assert arrays["masks"][index].tobytes() == expected[bits].tobytes(), texts[index]
    with OpenEXR.File(str(output / "masks.exr"), separate_channels=True) as file:
        layers = {name: channel.pixels for name, channel in file.channels().items()}
    assert len(layers) == len(ids)
    seen = set()
    for index, bits in enumerate(ids):
        name = texts[index].translate({ord(letter): "_" for letter in '/\\:*?"<>|.'})
        # Names that become the same have their ids behind them.
        name = f"{name}-{bits:08x}" if name in seen else name
        seen.add(name)
        assert layers[f"{name}.Y"].tobytes() == expected[bits].tobytes(), (name, list(layers))
    pages = list(ImageSequence.Iterator(Image.open(output / "masks.tif")))
    assert len(pages) == len(ids)
    for page, bits in zip(ImageSequence.Iterator(Image.open(output / "masks.tif")), ids):
        assert numpy.asarray(page, numpy.float32).tobytes() == expected[bits].tobytes()
    print(len(ids))


if sys.argv[1] == "write":
    write(Path(sys.argv[2]))
else:
    check(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
