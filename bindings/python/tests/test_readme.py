"""The programs in Python of README.md, docs/python.md and docs/streaming.md do what these pages say."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import ROOT, programs


def test_the_program_of_the_readme(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(programs("README.md")[0], names)
    assert names["masks"].shape == (5, 1024, 2048) and names["masks"].dtype == "float32"
    assert names["masks"].sum(axis=(1, 2))[0] == 1404003
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-2:] for line in lines] == [["1404003", "pixels"], ["195731", "pixels"], ["94731", "pixels"]]


def test_the_programs_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    blocks = programs("docs/python.md")
    assert len(blocks) >= 6
    exec(blocks[0], names)
    assert names["masks"].shape == (5, 1024, 2048) and len(names["result"]) == 92
    assert repr(names["result"]).startswith("<ctm.Segmentation of 2048 x 1024 pixels, 92 masks")
    for block in blocks[1:]:
        exec(block, names)
    assert names["named"].names == ["sea", "Russia", "none"] and names["named"].counts.tolist() == [1404003, 94731, 0]
    assert names["result"].number("#3fe038") == 1 and "#3fe038" in names["result"]
    assert names["found"].labels.shape == (1024, 2048) and len(names["found"].palette) == 12
    assert [one.shape for one in names["each"]] == [(500, 2048), (700, 1000)]
    whole = names["ctm"].analyze(names["image"], connected=8, min_pixels=500, outputs=["palette"], outlines=True).outlines
    assert whole.points.tolist() == names["outlines"].points.tolist()
    assert whole.ring_exteriors.tolist() == names["outlines"].ring_exteriors.tolist()
    assert names["masks"].shape == (5, 1024, 2048)


def test_the_program_of_the_page_on_parts() -> None:
    names: dict[str, Any] = {}
    for block in programs("docs/streaming.md"):
        exec(block, names)
    assert len(names["mosaic"].outlines(4, connected=8)) == 4
