"""The programs in Python of README.md and docs/python.md do what these pages say."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def first_program(page):
    """A page's first block of Python."""
    found = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert found, f"{page} has no block of Python"
    return found.group(1)


def test_the_program_of_the_readme(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    names = {}
    exec(first_program("README.md"), names)
    assert names["masks"].shape == (5, 1024, 2048) and names["masks"].dtype == "float32"
    assert names["masks"].sum(axis=(1, 2))[0] == 1404003
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-2:] for line in lines] == [["1404003", "pixels"], ["195731", "pixels"], ["94731", "pixels"]]


def test_the_first_program_of_the_page(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    exec(first_program("docs/python.md"), names)
    assert names["masks"].shape == (5, 1024, 2048)
    assert names["result"].labels.shape == (1024, 2048)
    assert len(names["result"].palette) == 12
