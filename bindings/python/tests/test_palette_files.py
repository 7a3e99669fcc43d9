"""Files of colours: what other programs write gives the same masks, and an error names the file and the place in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest

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
        image = np.dstack([IMAGE, np.full((2, 6), 255, np.uint8)]) if name == "aseprite.gpl" else IMAGE
        found = ctm.segment(image, palette=path)
        assert found.names == ["The sea", "land", "#010203"] and found.counts.tolist() == [6, 4, 2]


@pytest.mark.parametrize("name", ["gimp.gpl", "jasc.pal", "labelmap.txt", "tool.json"])
def test_shades_of_other_types(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FILES[name].replace("#010203", "last:1,2,3::"))
    for image in (IMAGE.astype(np.uint16) * 257, IMAGE / np.float32(255), IMAGE.astype(np.int64)):
        assert ctm.segment(image, palette=tmp_path / name).counts.tolist() == [6, 4, 2]


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
    ("p.txt", "#aacde6\nblue sea\n", f", line 2: 'blue sea' is no colour; {READ}"),
    ("p.txt", "1 2\n", ", line 1 is [1.0, 2.0]; 3 numbers for uint8 pixels are expected"),
    ("p.txt", "\n# nothing\n", f" has no colours; {READ}"),
    ("p.txt", "#aacde6\n\n1 2 300 sea\n", ", line 3 has the value 300; a whole number from 0 to 255 is expected for uint8 pixels"),
    ("p.txt", "1 2 0.5 sea\n", ", line 1 has the value 0.5; a whole number"),
    ("p.txt", "#aacde6 sea\n#ace\n170 205 230\n", " has the colour #aacde6 twice, as line 1 and line 3; each colour is expected once"),
    ("p.csv", "name,r,g,b\nsea,170,205,230\n", f", line 1: 'name,r,g,b' is no colour; {READ}"),
    ("p.gpl", "GIMP Palette\n#\n1 2\n", ", line 3: '1 2' is no colour; \"170 205 230 a name\" is expected"),
    ("p.gpl", "GIMP Palette\n1 2 256\n", ", line 2 has the value 256; 0 to 255 is expected"),
    ("p.pal", "JASC-PAL\n0100\n1\n1 2 256\n", ", line 4 has the value 256; 0 to 255 is expected"),
    ("labelmap.txt", "sea:1,2,300::\n", ", line 1 has the value 300; 0 to 255 is expected"),
    ("p.json", "{", f" is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1); {READ}"),
    ("p.json", "[]", " has no colours"),
    ("p.json", '{"sea": 5}', ", 'sea' is [5]; 3 numbers for uint8 pixels are expected"),
    ("p.json", '{"sea": [1, 2, 300]}', ", 'sea' has the value 300; a whole number"),
    ("p.json", '{"version": "0.2.0", "size": [1, 2]}', f", 'version' is '0.2.0', which is no colour; {READ}"),
    ("p.json", '[{"hex": "#fff"}]', f", [0] is 'None', which is no colour; {READ}"),
    ("p.json", '[{"color": "#fff", "name": 5}]', ", [0] has the name 5; text is expected"),
    ("p.json", '["#fff", "reddish"]', ", [1] is 'reddish', which is no colour"),
    ("p.json", '{"masks": [{"color": [0.5, 0, 0]}]}', ", masks[0] has the value 127.5; a whole number from 0 to 255"),
    ("p.json", '{"masks": ["#fff", {}]}', ", masks[1] is 'None', which is no colour"),
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
    with pytest.raises(ValueError, match=f"ignored is '.*p.png', which is no text; {READ}"):
        ctm.segment(IMAGE, **options)
