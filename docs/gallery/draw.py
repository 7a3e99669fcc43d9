"""Puts the gallery's pictures together from what the tool has written: see scripts/gallery."""

import json
import sys

import numpy
from PIL import Image, ImageDraw, ImageFont

PAGE, INK = (243, 244, 246), (27, 31, 36)
NO_MASK = (20, 20, 24)
# Borders of many countries.
EUROPE = (1010, 190, 1170, 290)
ADRIATIC = (1075, 239, 1135, 283)


def save(picture, path, colors=128):
    """A small PNG."""
    picture.convert("RGB").quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)


def caption(draw, place, text):
    draw.text(place, text, INK, font=ImageFont.load_default())


def panels(pictures, captions, path, colors=128, columns=None):
    """Pictures side by side, in rows of `columns`, with a caption each."""
    columns = columns or len(pictures)
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * (width + 12) + 12, -(-len(pictures) // columns) * (height + 28) + 12), PAGE)
    draw = ImageDraw.Draw(sheet)
    for index, (picture, text) in enumerate(zip(pictures, captions)):
        left, top = 12 + index % columns * (width + 12), 12 + index // columns * (height + 28)
        sheet.paste(picture, (left, top))
        caption(draw, (left, top + height + 6), text)
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


def told_apart(source):
    """Random colours, each mask its own."""
    numbers = numpy.asarray(Image.open(source))
    colors = numpy.random.default_rng(4).integers(60, 256, (int(numbers.max()) + 1, 3), numpy.uint8)
    colors[0], colors[1] = NO_MASK, (38, 50, 64)
    return Image.fromarray(colors[numbers])


def labels(source, path):
    picture = told_apart(source)
    save(picture.resize((1024, 512), Image.Resampling.NEAREST), path)


def edges(source, report, exact, tolerance, nearest, path):
    pictures = [Image.open(source)] + [painted(name, report) for name in (exact, tolerance, nearest)]
    captions = ["anti-aliased map", "--palette", "--palette --tolerance 40/255", "--palette --unlisted nearest"]
    panels([zoomed(picture, times=2) for picture in pictures], captions, path)


def cleaning(source, exact, nearest, unmixed, flat, report, color, path):
    """An edge region: what becomes of pixels that are no country's."""
    share = next(mask["file"] for mask in json.load(open(report))["masks"] if mask["name"] == color)
    pictures = [Image.open(source)] + [told_apart(name) for name in (exact, nearest, unmixed, flat)] + [Image.open(share)]
    captions = ["the anti-aliased map", "masks of the exact colours", "masks of the nearest colours", "unmixed, radius 4",
                "for comparison: the map without anti-aliasing", f"unmixed: how much of each pixel is {color}"]
    panels([zoomed(picture, ADRIATIC, 7) for picture in pictures], captions, path, 256, 3)


def absorbing(source, exact, absorbed, path):
    pictures = [Image.open(source), *map(told_apart, (exact, absorbed))]
    captions = ["the anti-aliased map", "masks of the exact colours", "--absorb 30 --absorb-unmasked all"]
    panels([zoomed(picture, ADRIATIC, 6) for picture in pictures], captions, path, 256)


def application(source, command, path, *masks):
    """A colour map, and the masks that examples/c/segment.c made of it."""
    font = ImageFont.truetype("DejaVuSans.ttf", 15)
    sheet = Image.new("RGB", (1280, 868), (245, 245, 245))
    draw = ImageDraw.Draw(sheet)
    draw.text((20, 16), command, INK, font=ImageFont.truetype("DejaVuSans.ttf", 17))
    sheet.paste(Image.open(source).resize((620, 310), Image.Resampling.NEAREST), (330, 46))
    for index, mask in enumerate(masks):
        left, top = 20 + index % 3 * 420, 376 + index // 3 * 246
        draw.rectangle((left, top, left + 399, top + 199), outline=(160, 160, 160))
        sheet.paste(Image.open(mask).resize((398, 198), Image.Resampling.BOX), (left + 1, top + 1))
        name = mask.rpartition("/")[2]
        draw.rectangle((left, top + 207, left + 14, top + 221), f"#{name[-10:-4]}")
        draw.text((left + 22, top + 206), name, INK, font=font)
    save(sheet, path)


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
