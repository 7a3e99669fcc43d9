"""Files of colours: what other programs write gives the same masks, and an error names the file and the place in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest
from conftest import ROOT

PIL = pytest.importorskip("PIL.Image")
ROW = [[170, 205, 230]] * 3 + [[63, 224, 56]] * 2 + [[1, 2, 3]]
IMAGE = np.array([ROW, ROW], np.uint8)
# As the tool writes it, with fields that no palette needs.
TOOL = {
    "version": "0.2.0",
    "width": 6,
    "masks": [
        {"index": 1, "color": [0.6666667, 0.8039216, 0.9019608], "stored": [170, 205, 230], "hex": "aacde6", "name": "The sea", "pixels": 6},
        {"index": 2, "color": [0.24705882, 0.8784314, 0.21960784], "stored": [63, 224, 56], "hex": "3fe038", "name": "land", "pixels": 3},
        {"index": 3, "color": [0.24705882, 0.8784314, 0.21960784], "stored": [63, 224, 56], "hex": "3fe038", "name": "land", "pixels": 1},
        {"index": 4, "color": [0.003921569, 0.007843138, 0.011764706], "stored": [1, 2, 3], "hex": "010203", "name": None, "pixels": 2},
    ],
    "labels": None,
}
FILES = {
    "lines.txt": "# a comment\n#aacde6 The sea\n\n63 224 56\tland\n1,2,3\n",
    "gimp.gpl": "GIMP Palette\nName: x\nColumns: 3\n#\n170 205 230\tThe sea\n 63 224  56\tland\n  1   2   3\tUntitled\n",
    "aseprite.gpl": "GIMP Palette\nChannels: RGBA\n#\n170 205 230 255\tThe sea\n 63 224  56 255\tland\n  1   2   3 255\tUntitled\n",
    "jasc.pal": "JASC-PAL\r\n0100\r\n3\r\n170 205 230 The sea\r\n63 224 56 land\r\n1 2 3\r\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\nThe sea:170,205,230::\nland:63,224,56::\n#010203\n",
    "quoted.txt": "170, 205, 230, The sea\n(63,224,56) land\n010203\n",
    "table.csv": "name,r,g,b\nThe sea,170,205,230\nland,63,224,56\n,1,2,3\n",
    "spread.csv": "\ufeffLabel;Colour\r\n\r\n# a comment\r\n\"The sea\";#aacde6\r\nland;(63, 224, 56)\r\n;010203\r\n",
    "tabs.tsv": "r\tg\tb\ta\tclass\n170\t205\t230\t255\tThe sea\n63\t224\t56\t255\tland\n1\t2\t3\t255\t\n",
    "rows.csv": "The sea,170,205,230\nland,63,224,56\n,1,2,3\n",
    "colors.csv": "#aacde6,The sea\n#3fe038,land\n#010203,\n",
    "semicolons.csv": "170;205;230;The sea\n63;224;56;land\n1;2;3;\n",
    "definition.csv": "province;red;green;blue;x;x\n1;170;205;230;The sea;x\n#9;1;1;1;gone;x\n2;63;224;56;land of;x\n3;1;2;3;;x\n",
    "names.json": '{"The sea": "#aacde6", "land": [63, 224, 56], "#010203": "#010203"}',
    "colors.json": '{"170,205,230": {"name": "The sea", "pixels": 6}, "63,224,56": "land", "1,2,3": "#010203"}',
    "list.json": '[{"color": "#aacde6", "name": "The sea"}, {"color": [63, 224, 56], "name": "land"}, "1,2,3"]',
    "tool.json": json.dumps(TOOL),
    "tool-first.json": json.dumps({"version": "0.2.0", "images": [TOOL, {"masks": []}]}),
    "tool-each.json": json.dumps([TOOL, {"masks": []}]),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FILES[name])
    for path in (tmp_path / name, str(tmp_path / name)):
        for image in (IMAGE, np.dstack([IMAGE, np.full((2, 6), 255, np.uint8)])):
            found = ctm.segment(image, palette=path)
            expected = ["The sea", "land of", "3"] if name == "definition.csv" else ["The sea", "land", "#010203"]
            assert found.names == expected and found.counts.tolist() == [6, 4, 2]


@pytest.mark.parametrize("name", ["gimp.gpl", "aseprite.gpl", "jasc.pal", "labelmap.txt", "tool.json", "colors.csv", "definition.csv"])
def test_shades_of_other_types(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FILES[name].replace("#010203", "last:1,2,3::") if name == "labelmap.txt" else FILES[name])
    for image in (IMAGE.astype(np.uint16) * 257, IMAGE / np.float32(255), IMAGE.astype(np.int64)):
        assert ctm.segment(image, palette=tmp_path / name).counts.tolist() == [6, 4, 2]


@pytest.fixture(scope="module")
def tool() -> Path:
    """The tool of these sources; where it has been built, this takes no time."""
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, env=environment, check=True)
    return ROOT / "target/release/ctm"


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith(("tool", "colors.json", "labelmap.txt"))])
def test_the_tool_reads_the_same(tool: Path, name: str, tmp_path: Path) -> None:
    """The same colours, names and pixels; it is stricter where a colour comes twice, and with files of mixed kinds."""
    image, path = tmp_path / "map.png", tmp_path / name
    PIL.fromarray(IMAGE).save(image)
    path.write_text(FILES[name], encoding="utf-8")
    done = subprocess.run([tool, "segment", image, "--palette", path, "--json"], capture_output=True, text=True, check=True)
    masks = json.loads(done.stdout)["masks"]
    found = ctm.segment(image, palette=path)
    assert [mask["stored"] for mask in masks] == found.colors.tolist() and [mask["pixels"] for mask in masks] == found.counts.tolist()
    assert [mask["name"] or f"#{mask['hex']}" for mask in masks] == found.names


def test_an_image_as_a_palette(tmp_path: Path) -> None:
    PIL.fromarray(IMAGE[:, ::-1]).save(tmp_path / "palette.png")
    for image in (IMAGE, IMAGE.astype(np.uint16) * 257, IMAGE / np.float32(255), IMAGE.astype(np.int64)):
        found = ctm.segment(image, palette=tmp_path / "palette.png")
        assert found.names == ["#010203", "#3fe038", "#aacde6"] and found.counts.tolist() == [2, 4, 6]
    PIL.fromarray(np.dstack([IMAGE, np.full((2, 6), 255, np.uint8)])).save(tmp_path / "palette.png")
    assert ctm.segment(IMAGE, palette=tmp_path / "palette.png").counts.tolist() == [6, 4, 2]
    assert ctm.segment(IMAGE, ignored=tmp_path / "palette.png").counts.tolist() == []
    PIL.fromarray(np.dstack([IMAGE, np.full((2, 6), 128, np.uint8)])).save(tmp_path / "palette.png")
    with pytest.raises(ValueError, match=r"palette.png, column 0, row 0 has the alpha 128, and the image's colours have none; 255, which is opaque"):
        ctm.segment(IMAGE, palette=tmp_path / "palette.png")
    many = np.arange(65_537, dtype=np.uint32).reshape(1, -1).view(np.uint8).reshape(1, -1, 4)[..., :3]
    PIL.fromarray(many.reshape(1, -1, 3)).save(tmp_path / "palette.png")
    with pytest.raises(ValueError, match="palette.png', an image of more than 65536 colours, which no palette has"):
        ctm.segment(IMAGE, palette=tmp_path / "palette.png")


def test_words_and_old_letters(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    image = np.array([[[0, 0, 128], [255, 0, 0], [255, 128, 0]]], np.uint8)
    for text in ("navy the sea\nRED\n#f80\n", "#000080 x\nff0000\n255,128,0\n", "colour\tname\nnavy\tsea\nred\t\nff8000\t\n", '{"a": "navy", "b": "red", "c": "ff8000"}'):
        path.write_text(text)
        assert ctm.segment(image, palette=path).counts.tolist() == ([1, 1, 0] if "#f80" in text else [1, 1, 1])
    path.write_bytes("1;0;0;128;Österland;x\n".encode("latin-1"))
    assert ctm.segment(image, palette=path).names == ["Österland"]
    path.write_text('1;0;0;128;"Sea;x\n2;255;0;0;sea;x\n')
    assert ctm.segment(image, palette=path).names == ['"Sea', "2"]
    path.write_text('name,r,g,b\n"Sea,\nthe",0,0,128\n\nred,255,0,300\n')
    with pytest.raises(ValueError, match="line 5 has the value 300"):
        ctm.segment(image, palette=path)
    # Six digits are an id where there are ids, and hexadecimal where there are three channels.
    path.write_text("170205 road\n7 sky\n")
    assert ctm.segment(np.array([[7, 170205, 7]]), palette=path).counts.tolist() == [1, 2]
    path.write_text("id,name\n7,sky\n170205,road\n".replace("id", "value"))
    assert ctm.segment(np.array([[7, 170205, 7]]), palette=path).names == ["sky", "road"]


def test_ids_of_the_tool(tmp_path: Path) -> None:
    """Of ids it writes no shares."""
    ids = {"masks": [{"color": [float(value)], "stored": [value], "name": None} for value in (1, 7)]}
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    large = {"masks": [{"color": [4000000000.0], "stored": [4000000001], "name": "road"}]}
    (tmp_path / "large.json").write_text(json.dumps(large))
    for image in (np.array([[1, 1, 7]]), np.array([[1, 1, 7, 300]]), np.array([[1, 1, 7, 70_000]]), np.array([[1, 1, 7]], np.float32)):
        assert ctm.segment(image, palette=tmp_path / "ids.json").counts.tolist() == [2, 1]
    assert ctm.segment(np.array([[4000000000, 4000000001]]), palette=tmp_path / "large.json")["road"].tolist() == [[False, True]]
    endless = {"masks": [{"color": ["inf", 0.5, "-inf"], "stored": None}]}
    (tmp_path / "floats.json").write_text(json.dumps(endless))
    assert ctm.segment(np.array([[[np.inf, 0.5, -np.inf]]], np.float32), palette=tmp_path / "floats.json").counts.tolist() == [1]


READ = "what is read are files of a colour a line"
REFUSED: list[tuple[str, str, str]] = [
    ("p.txt", "#aacde6\nbluish sea\n", f", line 2: 'bluish sea' is no colour; {READ}"),
    ("p.txt", "1 2\n", ", line 1 is [1.0, 2.0]; 3 numbers for uint8 pixels are expected"),
    ("p.txt", "\n# nothing\n", f" has no colours; {READ}"),
    ("p.txt", "#aacde6\n\n1 2 300 sea\n", ", line 3 has the value 300; a whole number from 0 to 255 is expected for uint8 pixels"),
    ("p.txt", "1 2 0.5 sea\n", ", line 1 has the value 0.5; a whole number"),
    ("p.txt", "#aacde6 sea\n#ace\n170 205 230\n", " has the colour #aacde6 twice, as line 1 and line 3; each colour is expected once"),
    ("p.txt", "170 205 230 128 sea\n", ", line 1 has the alpha 128, and the image's colours have none; 255, which is opaque, is expected"),
    ("p.csv", "name,r,g,b\nsea,170,205,x\n", f", line 2: '170,205,x' is no colour; {READ}"),
    ("p.csv", "name,r,g,b\n\nsea,170,205,300\n", ", line 3 has the value 300; a whole number from 0 to 255 is expected for uint8 pixels"),
    ("p.csv", "name,size\nsea,large\n", ", line 1: 'name,size' has no colour"),
    ("p.csv", "1;2;3;4;sea\n2;3;4\n", ", line 2: column 4 is empty, where a colour's value is expected"),
    ("p.csv", "1;2;3;4;sea\n2;2;3;400;land\n", ", line 2 has the value 400; a whole number from 0 to 255 is expected"),
    ("p.csv", "color,name\nbluish,sea\n", ", line 2: 'bluish' is no colour"),
    ("p.csv", 'color,name\n#fff,"' + "x" * 200_000, ", line 2 is no row of a table: field larger than field limit"),
    ("p.pal", "JASC-PAL\n0100\n3\n0 0 0\n1 2 3\n", ", line 3: says 3 colours; there are 2"),
    ("p.pal", "JASC-PAL\r\n0100\r\n1\r\n0 0 0\r\n1 2 3\r\n", ", line 3: says 1 colours; there are 2"),
    ("p.pal", "JASC-PAL\n0100\nabc\n0 0 0\n", ", line 3: 'abc' is no number of colours"),
    ("p.gpl", "GIMP Palette\nChannels: RGBA\n1 2 3 sea\n", ", line 3: '1 2 3 sea' is no colour; \"170 205 230 255 a name\" is expected"),
    ("p.gpl", "GIMP Palette\nChannels: RGBA\n1 2 3 9 sea\n", ", line 3 has the alpha 9, and the image's colours have none"),
    ("p.gpl", "GIMP Palette\n#\n1 2\n", ", line 3: '1 2' is no colour; \"170 205 230 a name\" is expected"),
    ("p.gpl", "GIMP Palette\n1 2 256\n", ", line 2 has the value 256; a whole number from 0 to 255 is expected"),
    ("p.pal", "JASC-PAL\n0100\n1\n1 2 256\n", ", line 4 has the value 256; a whole number from 0 to 255 is expected"),
    ("labelmap.txt", "sea:1,2,300::\n", ", line 1 has the value 300; a whole number from 0 to 255 is expected"),
    ("p.json", "{", f" is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1); {READ}"),
    ("p.json", "[]", " has no colours"),
    ("p.json", '{"sea": 5}', ", 'sea' is [5]; 3 numbers for uint8 pixels are expected"),
    ("p.json", '{"sea": [1, 2, 300]}', ", 'sea' has the value 300; a whole number"),
    ("p.json", '{"version": "0.2.0", "size": [1, 2]}', f", 'version' is '0.2.0', which is no colour; {READ}"),
    ("p.json", '[{"hex": "#fff"}]', f', [0] has no "color"; {READ}'),
    ("p.json", '[{"color": "#fff", "name": 5}]', ", [0] has the name 5; text is expected"),
    ("p.json", '["#fff", "reddish"]', ", [1] is 'reddish', which is no colour"),
    ("p.json", '{"masks": [{"color": [0.5, 0, 0]}]}', ", masks[0] has the value 127.5; a whole number from 0 to 255"),
    ("p.json", '{"masks": ["#fff", {}]}', ', masks[1] has no "color"'),
    ("p.json", "[null]", f", [0] is null, which is no colour; {READ}"),
    ("p.json", '["#fff", {"color": null}]', ", [1] is null, which is no colour"),
    ("p.json", '{"sea": null}', ", 'sea' is null, which is no colour"),
    ("p.json", "[[1, true, 2]]", ", [0] is [1, true, 2], which is no colour"),
    ("p.json", '[{"color": {"r": 1}}]', ', [0] is {"r": 1}, which is no colour'),
    ("p.json", '{"masks": []}', " has no colours"),
]


@pytest.mark.parametrize(("name", "text", "message"), REFUSED)
def test_what_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(f"palette: {path}{message}")):
        ctm.segment(IMAGE, palette=path)


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"\xff\x00\xfe")
    options: dict[str, Any] = {"ignored": tmp_path / "p.png"}
    with pytest.raises(ValueError, match=f"ignored is '.*p.png'; an image file that Pillow can open is expected .*; {READ}"):
        ctm.segment(IMAGE, **options)
