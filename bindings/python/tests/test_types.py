"""Type checkers pass every sample of the documentation, and catch options that are misspelt or of a wrong type."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ctm
import pytest
from conftest import ROOT, programs
from ctm import _options, _segment

CHECKERS = {
    "mypy": ["-m", "mypy", "--no-error-summary", "--cache-dir", os.devnull, "--config-file="],
    "pyright": ["-m", "pyright", "--pythonpath", sys.executable],
}
PAGES = ["README.md", "docs/python.md"]
PRELUDE = "import ctm\nimport numpy as np\n\nimage = np.zeros((4, 5, 3), np.uint8)\nresult = ctm.segment(image)\n"
WRONG = [
    "ctm.segment(image, min_pixel=500)",
    "ctm.segment([image, image], min_pixel=500)",
    "ctm.segment(image, connected=5)",
    'ctm.segment(image, nearest="manhattan")',
    'ctm.segment(image, batch="first")',
    'ctm.segment(image, order="gbr")',
    "ctm.segment(image, tolerance=[1])",
    "ctm.segment(image, palette={None: None})",
    "ctm.segment(7)",
    "ctm.segment([[1, 2], [3, 4]])",
    'ctm.masks(image, 500, 5, mask_formats="bool")',
    'ctm.masks(image, mask_format="boolean")',
    'ctm.masks(image, ignored=["#000"])',
    'ctm.masks("map.png")',
    'ctm.analyze(image, outputs=["mask"])',
    "ctm.analyze(image, unmix_radius=0.5)",
    'ctm.analyze(image, label_format="int32")',
    'ctm.Context("gpu")',
    "ctm.Context().analyze(image, tolerances=1)",
    "ctm.Context().segment(image, tolerances=1)",
    "ctm.Counts(ctm.Context()).select(min_pixel=1)",
    "ctm.segment([image]).labels",
    "result.label",
    "result[1.5]",
    "result.to_npz()",
]
RIGHT = [
    'ctm.segment("map.png", palette={"sea": "#aacde6", "land": (1, 2, 3)}, tolerance=10 / 255)',
    'ctm.segment([image, image], batch="each", ignored=["#000", (1, 2, 3)], order="bgr")[0].labels',
    "ctm.segment((image, memoryview(bytes(6))), palette={7: 'road'})",
    "ctm.segment(np.ma.masked_array(image), palette={(1, 2, 3): 'road'}, ignored=0, progress=print)",
    "ctm.segment(image, palette=[[1, 2, 3]], connected=8, min_pixels=np.array([3]).size)",
    "ctm.segment(image, palette=np.zeros((1, 3)), ignored=np.zeros(3))",
    'ctm.segment(image, palette="map.gpl")',
    'ctm.masks(image, 500, 5, mask_format="bool", ignored=[[0, 0, 0]]).sum()',
    'ctm.analyze(image, outputs=["labels"], counts=None).labels.shape',
    "result[0], result['#aacde6'], result[1, 2, 3], result[1:3], result[[1, 2, 3]], result.masks.sum()",
]


def complaints(checker: str, folder: Path, *names: str) -> str:
    """What a type checker says of files in a folder."""
    pytest.importorskip(checker)
    done = subprocess.run([sys.executable, *CHECKERS[checker], *names], cwd=folder, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode in (0, 1), lines
    return "\n".join(line.strip() for line in lines if ": error: " in line or " - error: " in line)


@pytest.mark.parametrize("checker", CHECKERS)
def test_samples_pass(checker: str, tmp_path: Path) -> None:
    names = [page.replace("/", "_").replace(".md", ".py") for page in PAGES]
    for page, name in zip(PAGES, names):
        (tmp_path / name).write_text("".join(programs(page)))
    (tmp_path / "right.py").write_text(PRELUDE + "\n".join(RIGHT) + "\n")
    assert complaints(checker, tmp_path, *names, "right.py") == ""


@pytest.mark.parametrize("checker", CHECKERS)
def test_mistakes_are_caught(checker: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(PRELUDE + "\n".join(WRONG) + "\n")
    said = complaints(checker, tmp_path, "wrong.py")
    first = PRELUDE.count("\n") + 1
    missed = [line for number, line in enumerate(WRONG, first) if f"wrong.py:{number}:" not in said]
    assert missed == [], said
    assert f"wrong.py:{first - 1}:" not in said


def options(function: Any, *but: str) -> dict[str, Any]:
    return {
        name: parameter.annotation
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("self", "context", "image", *but)
    }


def test_typed_dicts_have_what_functions_take() -> None:
    # As they are written: "int | None" is no type for Python 3.9.
    def written(typed: Any) -> dict[str, str]:
        return {name: kind.__forward_arg__ for one in reversed(typed.__mro__ if hasattr(typed, "__orig_mro__") else [typed]) for name, kind in one.__annotations__.items()}

    assert sorted(written(_options.SegmentOptions)) == sorted(options(_segment.segment_images))
    assert sorted(written(_options.AnalyzeOptions)) == sorted(options(ctm.Context.analyze))
    assert sorted(written(_options.MasksOptions)) == sorted(options(ctm.Context.analyze, "outputs", "min_pixels", "max_count", "cropped"))
    progress = {"Progress": "ProgressFunction", "Counts | None": "CountedParts | None", "Regions | None": "CountedParts | None", "Progress | None": "ProgressFunction | None"}
    for name, kind in options(ctm.Context.analyze).items():
        ours = written(_options.AnalyzeOptions)[name]
        assert kind == progress.get(ours, ours), name
    for name, kind in options(_segment.segment_images).items():
        assert kind == written(_options.SegmentOptions)[name], name


def test_what_help_shows() -> None:
    for function, model in ((ctm.segment, _segment.segment_images), (ctm.analyze, ctm.Context.analyze), (ctm.Context.segment, _segment.segment_images)):
        shown = inspect.signature(function).parameters
        assert set(options(model)) <= set(shown) and "options" not in shown
        for name, parameter in inspect.signature(model).parameters.items():
            assert name in ("self", "context", "image") or shown[name].default == parameter.default
    assert str(inspect.signature(ctm.masks)).startswith("(image, min_pixels=1, max_count=None, *, layout=None, order='RGBA', ")
    assert "outputs" not in inspect.signature(ctm.masks).parameters
    assert (ROOT / "bindings/python/src/ctm/py.typed").exists()
