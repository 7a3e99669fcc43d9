"""Puts the gallery's pictures together from what the tool has written: see scripts/gallery."""

import json
import sys

import numpy
from PIL import Image, ImageDraw, ImageFont

PAGE, INK = (243, 244, 246), (27, 31, 36)
NO_MASK = (20, 20, 24)
# Borders of many countries.
EUROPE = (1010, 190, 1170, 290)


def save(picture, path, colors=128):
    """A small PNG."""
    picture.convert("RGB").quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)


def caption(draw, place, text):
    draw.text(place, text, INK, font=ImageFont.load_default())


def panels(pictures, captions, path, colors=128):
    """Pictures side by side with a caption each."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (len(pictures) * (width + 12) + 12, height + 40), PAGE)
    draw = ImageDraw.Draw(sheet)
    for index, (picture, text) in enumerate(zip(pictures, captions)):
        left = 12 + index * (width + 12)
        sheet.paste(picture, (left, 12))
        caption(draw, (left, height + 18), text)
    save(sheet, path, colors)


def painted(labels, report):
    """Each pixel in the colour of its mask."""
    colors = [NO_MASK] + [[round(value * 255) for value in mask["color"]] for mask in json.load(open(report))["masks"]]
    return Image.fromarray(numpy.array(colors, numpy.uint8)[numpy.asarray(Image.open(labels))])


def zoomed(picture, box=EUROPE, times=3):
    part = picture.convert("RGB").crop(box)
    return part.resize((part.width * times, part.height * times), Image.Resampling.NEAREST)


def names(countries, count):
    """A palette of the largest countries; the sea, which comes first, is none."""
    for color, country in list(json.load(open(countries)).items())[1 : int(count) + 1]:
        print("#%02x%02x%02x" % tuple(map(int, color.split(","))), country["name"])


def shrink(source, path):
    picture = Image.open(source)
    save(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS), path)


def labels(source, path):
    """Random colours, each mask its own."""
    numbers = numpy.asarray(Image.open(source))
    colors = numpy.random.default_rng(4).integers(60, 256, (int(numbers.max()) + 1, 3), numpy.uint8)
    colors[0], colors[1] = NO_MASK, (38, 50, 64)
    picture = Image.fromarray(colors[numbers])
    save(picture.resize((1024, 512), Image.Resampling.NEAREST), path)


def edges(source, report, exact, tolerance, nearest, path):
    pictures = [Image.open(source)] + [painted(name, report) for name in (exact, tolerance, nearest)]
    captions = ["anti-aliased map", "--palette", "--palette --tolerance 40/255", "--palette --undeclared nearest"]
    panels([zoomed(picture, times=2) for picture in pictures], captions, path)


def jpeg(source, path):
    Image.open(source).save(path, quality=80)


def merged(source, holes, holes_report, whole, whole_report, path):
    pictures = [Image.open(source), painted(holes, holes_report), painted(whole, whole_report)]
    captions = ["JPEG of the map", "exact colours", "--merge 16/255 --tolerance 64/255"]
    panels([zoomed(picture) for picture in pictures], captions, path)


def sheet(report, path):
    """The cropped masks in a grid."""
    masks = json.load(open(report))["masks"]
    columns, side = 6, 150
    rows = -(-len(masks) // columns)
    picture = Image.new("RGB", (columns * side, rows * (side + 16)), PAGE)
    draw = ImageDraw.Draw(picture)
    for index, mask in enumerate(masks):
        left, top = index % columns * side, index // columns * (side + 16)
        part = Image.open(mask["file"]).convert("L")
        part.thumbnail((side - 12, side - 12), Image.Resampling.BOX)
        place = (left + (side - part.width) // 2, top + (side - part.height) // 2)
        picture.paste(tuple(round(value * 210) for value in mask["color"]), (*place, place[0] + part.width, place[1] + part.height), part)
        box = mask["box"]
        caption(draw, (left + 6, top + side), f"{mask['name'][:14]} {box['width']}x{box['height']}")
    save(picture, path, 64)


def photo(source, numbers, report, path):
    pictures = [Image.open(source).convert("RGB"), painted(numbers, report)]
    count = len(json.load(open(report))["masks"])
    pictures = [picture.resize((360, 360), Image.Resampling.BOX) for picture in pictures]
    panels(pictures, ["a photo: 266,309 colours", f"--merge 40/255: {count} colours"], path)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
