"""Tensors in and out, without copies."""

from __future__ import annotations

from typing import Any

import ctm
import numpy as np
import pytest
import torch
from ctm._image import describe


@pytest.fixture(scope="session", params=["cpu", "lavapipe"])
def context(request: pytest.FixtureRequest) -> Any:
    device = {"backend": "cpu"} if request.param == "cpu" else {"backend": "vulkan", "device": "llvmpipe"}
    with ctm.Context(**device) as context:  # type: ignore[arg-type]
        yield context


PIXELS = torch.randint(0, 3, (9, 11, 3), generator=torch.Generator().manual_seed(1)).float() / 2


@pytest.mark.parametrize(
    ("tensor", "layout"),
    [
        (PIXELS, None),
        (PIXELS.permute(2, 0, 1).contiguous(), "CHW"),
        (PIXELS.permute(2, 0, 1).contiguous().permute(1, 2, 0), None),
        (PIXELS.half(), None),
        ((PIXELS * 2).to(torch.uint8), None),
        (torch.nn.functional.pad(PIXELS, (0, 0, 2, 3, 4, 5))[4:-5, 2:-3], None),
    ],
)
def test_tensors_are_read_where_they_lie(context: ctm.Context, tensor: torch.Tensor, layout: str | None) -> None:
    assert describe(tensor, layout, "RGB", None).pixels.ctypes.data == tensor.data_ptr()
    np.testing.assert_array_equal(context.masks(tensor, layout=layout), context.masks(PIXELS.numpy()))


def test_masks_as_tensors(context: ctm.Context) -> None:
    masks = context.masks(PIXELS)
    tensor = torch.from_dlpack(masks)
    assert tensor.data_ptr() == masks.ctypes.data and tensor.dtype == torch.float32
    assert torch.equal(tensor.sum(0), torch.ones(9, 11))


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bool])
def test_masks_into_a_tensor(context: ctm.Context, dtype: torch.dtype) -> None:
    out = torch.full((30, 9, 11), 1).to(dtype)
    result = context.analyze(PIXELS, out_masks=out)
    assert result.masks is not None and result.masks.ctypes.data == out.data_ptr()
    np.testing.assert_array_equal(out[: result.mask_count].numpy() > 0, context.masks(PIXELS) > 0)
    assert (out[result.mask_count :] == 1).all()


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (PIXELS.bfloat16(), "image has values of type torch.bfloat16, which numpy does not know"),
        (PIXELS.double(), "image has values of type float64; float32"),
        (PIXELS.clone().requires_grad_(), "requires a gradient, and masks have none; pass image.detach()"),
        (torch.empty(2, 2, 3, device="meta"), "image is on the device meta, which cannot be shared"),
        (PIXELS.to_sparse(), "image cannot be shared with numpy: "),
        (torch.view_as_complex(PIXELS[..., :2].contiguous()).conj().imag, "image cannot be shared with numpy: .*negative"),
    ],
)
def test_tensors_that_are_refused(context: ctm.Context, tensor: torch.Tensor, text: str) -> None:
    with pytest.raises(TypeError, match=text) as caught:
        context.masks(tensor)
    assert isinstance(caught.value, ctm.InvalidTypeError)


def test_segment_takes_tensors_of_any_integers(context: ctm.Context) -> None:
    ids = torch.tensor([[7, 7, 300], [7, 70_000, 300]])  # int64, as label maps are in torch
    found = context.segment(ids)
    assert found.colors.tolist() == [7, 300, 70_000] and found.counts.tolist() == [3, 2, 1] and found[1].tolist() == (ids == 300).tolist()
    assert context.segment(ids == 7).colors.tolist() == [False, True]
    planes = context.segment((PIXELS * 2).to(torch.uint8).permute(2, 0, 1), layout="CHW")
    np.testing.assert_array_equal(planes.masks, context.masks(PIXELS.numpy(), mask_format="bool"))
    with pytest.raises(TypeError, match="image is a tensor that requires a gradient"):
        context.segment(torch.zeros(2, 2, requires_grad=True))
