"""Docstrings read as numpy's do, and their examples do what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from importlib import metadata
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pytest
from conftest import ROOT

# Sections that lack, parameters that are not described or are not there, words that are not as numpy has them.
CHECKS = {"GL01", "GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "SS01", "SS02", "SS03", "SS04", "SS05", "PR01", "PR02", "PR03", "PR05", "PR06", "PR07", "PR08", "PR09", "PR10", "RT03", "RT04", "RT05", "SA02", "SA03", "SA04"}
# Text begins behind the quotes, since editors show the first line.
CHECKS -= {"GL01"}
REFERRING = {"ctm.Context.segment", "ctm.Context.masks", "ctm.Context.analyze"}


def documented() -> list[str]:
    names = []
    for name in ctm.__all__:
        value = getattr(ctm, name)
        if inspect.isfunction(value):
            names.append(f"ctm.{name}")
        if inspect.isclass(value) and not issubclass(value, (Exception, dict)):
            names.append(f"ctm.{name}")
            names += [f"ctm.{name}.{part}" for part in vars(value) if not part.startswith("_") and inspect.isfunction(getattr(value, part))]
            names += [f"ctm.{name}.{part}" for base in value.__mro__[1:-1] for part in vars(base) if not part.startswith("_") and inspect.isfunction(vars(base)[part])]
    return [name for name in names if name not in ("ctm.Context.call",)]


def test_there_is_much_to_read() -> None:
    assert {"ctm.segment", "ctm.Segmentation.to_sam", "ctm.Context.cancel", "ctm.Counts.add", "ctm.devices"} <= set(documented())


@pytest.mark.parametrize("name", documented())
def test_sections(name: str) -> None:
    validate = pytest.importorskip("numpydoc.validate").validate
    # Those that refer to another's options describe fewer, or none.
    but = {"PR01", "PR02"} if name in ("ctm.masks", "ctm.Counts.select", "ctm.Regions.add", "ctm.Regions.select") else set()
    but |= {"PR01", "RT01"} if name in {*REFERRING, "ctm.Outlines", "ctm.Result", "ctm.Runs", "ctm.Segmentation"} else set()  # The last are not made by users.
    wrong = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in CHECKS - but]
    assert wrong == []
    doc = inspect.getdoc(eval(name, {"ctm": ctm})) or ""
    if name in ("ctm.segment", "ctm.masks", "ctm.analyze"):
        places = [doc.find(f"\n{section}\n---") for section in ("Parameters", "Returns", "Raises", "See Also", "Examples")]
        assert places == sorted(places) and places[0] > 0
    if name in REFERRING:
        assert f"Refer to `ctm.{name.rpartition('.')[2]}` for full documentation." in doc


MODULES = [f"ctm.{module.name}" for module in pkgutil.iter_modules(ctm.__path__) if "dask" not in module.name and module.name not in ("_abi", "libctm")]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        pytest.skip("older versions of numpy show some numbers otherwise")
    failures: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder().find(importlib.import_module(module)):
        runner.run(test, out=failures.append)
    assert failures == []


def test_functions_have_examples() -> None:
    finder = doctest.DocTestFinder()
    for thing in (ctm.segment, ctm.masks, ctm.analyze, ctm.Context, ctm.Counts, ctm.Segmentation, ctm.Segmentation.to_sam):
        assert sum(len(test.examples) for test in finder.find(thing)) >= 2, thing


def test_files_are_short() -> None:
    for path in (ROOT / "bindings/python/src/ctm").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 320, path


def test_what_pip_shows() -> None:
    shown: Any = metadata.metadata("ctm")
    assert shown["Summary"] and shown["License-Expression"] == "MIT OR Apache-2.0" and shown["Author"] and shown["Keywords"]
    assert "image" in shown["Summary"] or "masks" in shown["Summary"]
    assert shown["Description-Content-Type"] == "text/markdown" and "ctm.segment" in (shown.get_payload() or shown["Description"])
    # The licences lie where installers and auditors look for them.
    files = {Path(file).name: metadata.distribution("ctm").read_text(f"licenses/{file}") for file in shown.get_all("License-File") or []}
    assert files == {name: (ROOT / name).read_text(encoding="utf-8") for name in ("LICENSE-APACHE", "LICENSE-MIT")}
    classifiers = shown.get_all("Classifier")
    assert "Typing :: Typed" in classifiers and any("Python :: 3.9" in line for line in classifiers)
