"""Parameters that several chapters share."""

from collections.abc import Callable
from dataclasses import replace

from inference_economics import catalog
from reckoner.parameters import Parameter

ARTICLE = "Li 2024 (the article)"


def chip_choice(name: str, default: str, label: str, *needs: str) -> Parameter:
    """A chip chosen by name among those for which the quantities `needs` are known."""
    return Parameter(
        name=name,
        default=default,
        unit="name",
        label=label,
        help="A chip of the catalog.",
        source=ARTICLE,
        choices=catalog.chips(*needs),
        resolve=catalog.chip,
    )


def among(allowed: Callable[[str], bool], choice: Parameter) -> Parameter:
    """A choice by name, narrowed to the names that `allowed` lets through."""
    return replace(choice, choices=tuple(filter(allowed, choice.choices)))


def is_sram(key: str) -> bool:
    """Whether the chip keeps its weights in SRAM."""
    return catalog.chip_names()[key].memory_kind == "SRAM"


def model_choice(default: str = "llama2_70b", *needs: str) -> Parameter:
    """A model chosen by name among those for which the quantities `needs` are known."""
    return Parameter(
        name="model",
        default=default,
        unit="name",
        label="the model",
        help="A model of the catalog.",
        source=ARTICLE,
        choices=catalog.models(*needs),
        resolve=catalog.model,
    )


BYTES_PER_PARAMETER = Parameter(
    name="bytes_per_parameter",
    default=1.0,
    unit="B",
    label="bytes of one weight",
    help="Half a byte for int4, one for int8 (the article), two for fp16.",
    source=ARTICLE,
    low=0.125,
    high=8.0,
)
