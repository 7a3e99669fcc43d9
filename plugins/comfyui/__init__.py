"""A ComfyUI custom node folder: "Color Map To Masks", done by ctm."""

from .color_map_to_masks import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
