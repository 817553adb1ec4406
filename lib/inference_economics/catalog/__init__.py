"""The catalog: every constant of the book, checked and with its source."""

from inference_economics.catalog.constants import (
    Chip,
    MissingConstantError,
    Model,
    Record,
    chip,
    chip_aliases,
    chip_names,
    chips,
    constant,
    constants,
    model,
    model_names,
    models,
    value,
)

__all__ = [
    "Chip",
    "MissingConstantError",
    "Model",
    "Record",
    "chip",
    "chip_aliases",
    "chip_names",
    "chips",
    "constant",
    "constants",
    "model",
    "model_names",
    "models",
    "value",
]
