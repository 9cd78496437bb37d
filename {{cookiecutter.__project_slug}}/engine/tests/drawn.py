"""Charts as their specifications: what is on which axis, and the rows behind each layer."""

import json
from typing import Any

Layer = dict[str, Any]
Rows = list[dict[str, Any]]


def read_chart(text: str) -> tuple[list[Layer], list[Rows]]:
    """The layers of a chart, or of each facet of it, and their rows."""
    content = json.loads(text)
    inside = content.get("spec", content)
    layers = inside.get("layer", [inside])
    named = [layer.get("data") or inside.get("data") or content["data"] for layer in layers]
    return layers, [data["values"] if "values" in data else content["datasets"][data["name"]] for data in named]


def get_axis(layer: Layer, axis: str) -> tuple[Any, Any]:
    """The field of an axis, or the value of a rule, and the title."""
    encoded = layer["encoding"][axis]
    return encoded.get("field", encoded.get("datum")), encoded.get("title")


def get_axes(layer: Layer) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    return get_axis(layer, "x"), get_axis(layer, "y")


def spans(layer: Layer, axis: str) -> tuple[Any, Any]:
    """The fields between which a rule is drawn."""
    return layer["encoding"][axis]["field"], layer["encoding"][f"{axis}2"]["field"]
