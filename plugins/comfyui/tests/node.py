"""The node, as ComfyUI has it. CTM_NODE_FOLDER is the folder that `plugins/comfyui/pack` has printed."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[3]


def load() -> Any:
    """The custom node folder, as ComfyUI loads it."""
    folder = Path(os.environ["CTM_NODE_FOLDER"])
    spec = importlib.util.spec_from_file_location(str(folder).replace(".", "_x_"), folder / "__init__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


MODULE = load()
NODE = MODULE.NODE_CLASS_MAPPINGS["ColorMapToMasks //Inspire"]


def run(color_map: torch.Tensor, max_count: int = 5, min_pixels: int = 500) -> torch.Tensor:
    """One run of the node, as ComfyUI calls it: by keyword."""
    outputs = getattr(NODE(), NODE.FUNCTION)(color_map=color_map, min_pixels=min_pixels, max_count=max_count)
    assert isinstance(outputs, tuple) and len(outputs) == len(NODE.RETURN_TYPES)
    masks: torch.Tensor = outputs[0]
    return masks
