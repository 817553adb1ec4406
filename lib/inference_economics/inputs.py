"""Parameters that several chapters share."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from inference_economics import catalog
from inference_economics.catalog import own
from reckoner.declare.parameters import OwnFile, Parameter
from reckoner.declare.tables import DataError

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
        resolve=own.chip,
        own=own_chip(*needs),
        aliases=catalog.chip_aliases(),
    )


def own_chip(*needs: str) -> OwnFile:
    """A chip of the reader's own, with the quantities `needs`."""
    return OwnFile(".toml", "a file that describes a chip", partial(own.check_chip, needs=needs))


def own_model(*needs: str) -> OwnFile:
    """A model of the reader's own, with the quantities `needs`."""
    check = partial(own.check_model, needs=needs)
    return OwnFile(".json", "a model's config.json of Hugging Face", check)


def among(allowed: Callable[[str], bool], choice: Parameter) -> Parameter:
    """A choice by name, narrowed to the names and the files that `allowed` lets through."""
    return replace(
        choice,
        choices=tuple(filter(allowed, choice.choices)),
        own=choice.own and replace(choice.own, check=_and_allowed(allowed, choice.own)),
    )


def _and_allowed(allowed: Callable[[str], bool], file: OwnFile) -> Callable[[str], None]:
    def check(path: str) -> None:
        file.check(path)
        if not allowed(path):
            raise DataError(f"{path} is of another kind than those that can be chosen here")

    return check


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
        resolve=own.model,
        own=own_model(*needs),
    )


BUSY_SHARE = Parameter(
    name="busy_share",
    default=0.8,
    unit="share",
    label="share of its life in which the hardware is busy",
    help="DeepSeek's mean number of nodes in use over its highest, rounded.",
    source=catalog.constant("deepseek_production.nodes").source,
    low=0.01,
    high=1.0,
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
