"""A segmentation in the shapes that other programs have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._colors import ColorSpace
from ._errors import InvalidArgumentError
from ._outlines import Outlines
from ._runs import Runs

if TYPE_CHECKING:
    import pandas
    import supervision


def _missing(package: str, what: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"{what} needs {package}: pip install {package} ({error})", name=error.name)


def _polygons(outlines: Outlines | None, number: int) -> list[list[int]] | None:
    """COCO's polygons of a mask, if there are outlines and none of its regions has a hole."""
    polygons = [] if outlines is None else outlines[number]
    return [ring.ravel().tolist() for (ring,) in polygons] if all(len(rings) == 1 for rings in polygons) else None


class Exports:
    """The part of a `Segmentation` that hands it on."""

    labels: NDArray[Any]
    counts: NDArray[np.int64]
    boxes: NDArray[np.int64]
    centroids: NDArray[np.float64]
    _first: NDArray[np.int64]
    _space: ColorSpace

    if TYPE_CHECKING:

        @property
        def shape(self) -> tuple[int, int]: ...

        @property
        def names(self) -> list[str]: ...

        @property
        def runs(self) -> Runs: ...

        def simplified_outlines(self, tolerance: float) -> Outlines: ...

        @property
        def colors(self) -> NDArray[Any]: ...

        def __len__(self) -> int: ...

        def _mask(self, number: int) -> NDArray[np.bool_]: ...

    def _present(self) -> list[int]:
        """The masks that have a pixel."""
        return [int(number) for number in np.flatnonzero(self.counts)]

    def to_sam(self) -> list[dict[str, Any]]:
        """The masks as Segment Anything's automatic generator lists its own.

        Masks without pixels are left out.

        Returns
        -------
        list of dict
            For each mask `segmentation` (rows, columns) of bool, `area`, `bbox` (left, top, width, height),
            `point_coords` (column and row of its first pixel), `crop_box` (the image), `predicted_iou` and
            `stability_score` (1.0), and beside these `name` and `color`.

        Examples
        --------
        >>> import ctm, numpy as np
        >>> for mask in ctm.segment(np.array([[1, 1, 2]])).to_sam():
        ...     print(mask["name"], mask["area"], mask["bbox"])
        1 2 [0, 0, 2, 1]
        2 1 [2, 0, 1, 1]
        """
        rows, columns = self.shape
        masks = []
        for number in self._present():
            left, top, right, bottom = self.boxes[number].tolist()
            masks.append(
                {
                    "segmentation": self._mask(number),
                    "area": int(self.counts[number]),
                    "bbox": [left, top, right - left, bottom - top],
                    "predicted_iou": 1.0,
                    "point_coords": [self._first[number].tolist()],
                    "stability_score": 1.0,
                    "crop_box": [0, 0, columns, rows],
                    "name": self.names[number],
                    "color": self.colors[number].tolist(),
                }
            )
        return masks

    def to_supervision(self) -> supervision.Detections:
        """The masks as detections of the package `supervision`, which annotates and tracks them.

        Masks without pixels are left out.

        Returns
        -------
        supervision.Detections
            With `xyxy`, `mask`, `class_id` (a number for each name), and `class_name` in `data`.

        Raises
        ------
        ModuleNotFoundError
            The package `supervision` is not installed.
        """
        try:
            import supervision
        except ModuleNotFoundError as error:
            raise _missing("supervision", "to_supervision()", error) from None
        present = self._present()
        names = [self.names[number] for number in present]
        classes = {name: number for number, name in enumerate(dict.fromkeys(self.names))}
        if not present:
            return supervision.Detections.empty()
        return supervision.Detections(
            xyxy=self.boxes[present].astype(np.float32),
            mask=np.stack([self._mask(number) for number in present]),
            confidence=np.ones(len(present), np.float32),
            class_id=np.array([classes[name] for name in names], int),
            data={"class_name": np.array(names)},
        )

    def to_coco(
        self,
        *,
        image_id: int = 1,
        file_name: str = "",
        first_id: int = 1,
        categories: Mapping[str, int] | None = None,
        polygons: bool = False,
        tolerance: float = 0,
    ) -> dict[str, Any]:
        """The masks as a COCO data set of one image, with compressed run lengths or polygons, for `json.dump`.

        Masks without pixels are left out.

        Parameters
        ----------
        image_id : int, default 1
            The image's id.
        file_name : str, optional
            The image's file, as the data set names it.
        first_id : int, default 1
            The id of the first annotation; others follow.
        categories : dict of str to int, optional
            The categories' ids by name; without it they are the names of the masks, numbered from 1.
        polygons : bool, default False
            `segmentation` is a list of polygons along the edges of pixels, one for each region. A mask with a hole, which
            COCO's polygons cannot say, has run lengths all the same. `area` and `bbox` are always those of the pixels.
        tolerance : float, default 0
            With `polygons`: as for `simplified_outlines`.

        Returns
        -------
        dict
            `images`, `annotations` (id, image_id, category_id, segmentation, area, bbox, iscrowd) and `categories`. The
            lists of several images, put together, are a data set.

        Raises
        ------
        InvalidArgumentError
            A mask has a name that `categories` does not have.

        Examples
        --------
        >>> import ctm, numpy as np
        >>> coco = ctm.segment(np.array([[7, 7, 8]]), palette={"road": 7}).to_coco(file_name="a.png")
        >>> coco["annotations"][0]["segmentation"], coco["categories"]
        ({'size': [1, 3], 'counts': '021'}, [{'id': 1, 'name': 'road'}])
        """
        names = self.names
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names), 1)} if categories is None else categories
        rows, columns = self.shape
        annotations = []
        coded = self.runs.to_coco()
        if tolerance and not polygons:
            raise InvalidArgumentError(f"tolerance is {tolerance!r}; 0 is expected, since run lengths are exact: polygons=True has one")
        outlines = self.simplified_outlines(tolerance) if polygons else None
        for place, number in enumerate(self._present()):
            name = names[number]
            if name not in numbers:
                raise InvalidArgumentError(f"categories has no {name!r}, the name of mask {number}; {', '.join(map(repr, numbers))} are there")
            left, top, right, bottom = self.boxes[number].tolist()
            annotations.append(
                {
                    "id": first_id + place,
                    "image_id": image_id,
                    "category_id": numbers[name],
                    "segmentation": _polygons(outlines, number)
                    or {"size": [rows, columns], "counts": coded[number]["counts"].decode()},
                    "area": int(self.counts[number]),
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": 0,
                }
            )
        return {
            "images": [{"id": image_id, "width": columns, "height": rows, "file_name": file_name}],
            "annotations": annotations,
            "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        }

    def to_dataframe(self) -> pandas.DataFrame:
        """A table of the masks, a row for each.

        Returns
        -------
        pandas.DataFrame
            With the columns name, color (text), count, share (of the image's pixels), left, top, right, bottom,
            centroid_x, centroid_y. The index is the mask's number.

        Raises
        ------
        ModuleNotFoundError
            The package `pandas` is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise _missing("pandas", "to_dataframe()", error) from None
        columns: dict[str, Any] = {
            "name": self.names,
            "color": [self._space.text(color) for color in self.colors],
            "count": self.counts,
            "share": self.counts / self.labels.size,
        }
        for place, side in enumerate(("left", "top", "right", "bottom")):
            columns[side] = self.boxes[:, place]
        columns["centroid_x"], columns["centroid_y"] = self.centroids.T
        return pandas.DataFrame(columns)

    def to_npz(self, file: str | os.PathLike[str] | Any) -> None:
        """Write the labels and what is known of the masks to a compressed file for `numpy.load`.

        Parameters
        ----------
        file : str, path or file object
            Where to write, as `numpy.savez_compressed` takes it: a name without ".npz" gets it.

        Notes
        -----
        The arrays are `labels`, `colors`, `counts`, `names`, `boxes` and `centroids`, as the attributes are.

        Examples
        --------
        >>> import ctm, io, numpy as np
        >>> file = io.BytesIO()
        >>> ctm.segment(np.array([[1, 1, 2]])).to_npz(file)
        >>> np.load(io.BytesIO(file.getvalue()))["names"]
        array(['1', '2'], dtype='<U1')
        """
        np.savez_compressed(
            file,
            labels=self.labels,
            colors=self.colors,
            counts=self.counts,
            names=np.array(self.names, str),
            boxes=self.boxes,
            centroids=self.centroids,
        )
