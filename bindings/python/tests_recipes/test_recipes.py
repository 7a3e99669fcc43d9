"""The recipes of docs/recipes.md give what they replace gives, and other packages take what a segmentation hands them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ctm
import numpy as np
import pandas
import pytest
import supervision

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import recipes

SECTIONS = recipes.sections()


def test_each_section_has_a_recipe() -> None:
    assert len(SECTIONS) == len(recipes.RECIPES) >= 7


@pytest.mark.parametrize(("title", "recipe"), list(zip(SECTIONS, recipes.RECIPES)), ids=list(SECTIONS))
def test_both_give_the_same(title: str, recipe: Any) -> None:
    arguments, compare = recipe()
    before = SECTIONS[title]["before"](*arguments)
    compare(before, SECTIONS[title]["after"](*arguments))
    # The comparison finds what is wrong with another image's.
    image = np.ascontiguousarray(arguments[0][::-1])
    with pytest.raises(AssertionError):
        compare(before, SECTIONS[title]["after"](image, *arguments[1:]))


def test_the_page_has_the_figures_of_all() -> None:
    text = recipes.PAGE.read_text(encoding="utf-8")
    table = text.split(recipes.BEGIN)[1].split(recipes.END)[0]
    for title in SECTIONS:
        assert f"| {title} | " in table


def test_the_shortest_of_several_runs() -> None:
    recipes.SECONDS = 0
    calls: list[int] = []
    times = recipes.shortest([lambda: calls.append(1), lambda: calls.append(2)])
    assert calls == [1, 2, 1, 2, 1, 2] and all(0 <= time < 0.1 for time in times)


def test_pandas() -> None:
    found = ctm.segment(recipes.WORLD, palette={"sea": "#aacde6", "none": "#000", "Russia": "#4b91a6"})
    table = found.to_dataframe()
    assert isinstance(table, pandas.DataFrame) and list(table["name"]) == ["sea", "none", "Russia"]
    assert list(table["count"]) == found.counts.tolist() and list(table["color"]) == ["#aacde6", "#000000", "#4b91a6"]
    assert table["share"].sum() == pytest.approx((1404003 + 94731) / (2048 * 1024))
    np.testing.assert_array_equal(table[["left", "top", "right", "bottom"]], found.boxes)
    np.testing.assert_array_equal(table[["centroid_x", "centroid_y"]], found.centroids)


def test_supervision() -> None:
    found = ctm.segment(recipes.WORLD, palette={"sea": "#aacde6", "none": "#000", "Russia": "#4b91a6"})
    detections = found.to_supervision()
    assert isinstance(detections, supervision.Detections) and len(detections) == 2
    assert detections.class_id is not None and detections.class_id.tolist() == [0, 2]
    assert detections.data["class_name"].tolist() == ["sea", "Russia"]
    np.testing.assert_array_equal(detections.mask, [found["sea"], found["Russia"]])
    np.testing.assert_array_equal(detections.xyxy, found.boxes[[0, 2]])
    picture = supervision.MaskAnnotator(opacity=1.0).annotate(recipes.WORLD.copy(), detections)
    assert (picture[found["Russia"]] == picture[found["Russia"]][0]).all() and (picture != recipes.WORLD).any()
    # As it reads Segment Anything's own, which it sorts by area.
    same = supervision.Detections.from_sam(found.to_sam())
    assert sorted(map(tuple, same.xyxy.tolist())) == sorted(map(tuple, (detections.xyxy - np.array([0, 0, 0, 0])).tolist()))
    assert len(ctm.segment(recipes.WORLD, max_count=0).to_supervision()) == 0
