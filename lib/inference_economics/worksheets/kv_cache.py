"""What the KV cache takes, and where it outgrows the weights: the chapter `kv_cache`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics.catalog import Model
from inference_economics.formulas.capacity import weights
from inference_economics.formulas.kv_cache import (
    NEEDS,
    _of_sequence,
    batch_that_outgrows,
    gqa_factor,
    kv_cache_of_batch,
    model_context_that_outgrows,
    model_kv_bytes_per_token,
    model_kv_cache,
    name_parameters,
    schemes,
)
from inference_economics.inputs import ARTICLE, BYTES_PER_PARAMETER, model_choice
from inference_economics.units import Bytes, BytesPerToken, Count, Ratio, Tokens
from reckoner.declare.parameters import Parameter, Parameters
from reckoner.declare.units import si
from reckoner.show.live import Curve, Live

CONTEXT_LENGTH = Parameter(
    name="context_length",
    default=4096,
    unit="token",
    label="tokens of one sequence, input and output together",
    help="The article takes the longest context of LLaMA-2.",
    source=ARTICLE,
    low=1,
    high=1e8,
)

BYTES_PER_ELEMENT = Parameter(
    name="bytes_per_element",
    default=1.0,
    unit="B",
    label="bytes of one element of the KV cache",
    help="The article keeps the cache in int8 like the weights.",
    source=ARTICLE,
    low=0.125,
    high=8.0,
)

BATCH_SIZE = Parameter(
    name="batch_size",
    default=128,
    unit="count",
    label="sequences decoded together",
    help="The batch size of the measurement that the article compares with.",
    source=ARTICLE,
    low=1,
    high=1e6,
)


PARAMETERS = Parameters(
    (
        model_choice("llama2_70b", *NEEDS),
        CONTEXT_LENGTH,
        BYTES_PER_ELEMENT,
        BYTES_PER_PARAMETER,
        BATCH_SIZE,
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays."""

    heads: Count
    kv_heads: Count
    gqa_factor: Ratio
    kv_bytes_per_token: BytesPerToken
    kv_cache: Bytes
    kv_cache_gib: Ratio
    kv_cache_mha: Bytes
    kv_cache_mqa: Bytes
    kv_cache_mla: Bytes
    kv_cache_batch: Bytes
    weights: Bytes
    batch_that_outgrows: Count
    context_that_outgrows: Tokens


def conclude(
    model: Model,
    context_length: Tokens,
    bytes_per_element: Bytes,
    bytes_per_parameter: Bytes,
    batch_size: Count,
) -> Conclusions:
    """What the KV cache of a model takes, and where it outgrows the weights.

    Args:
        model: its own scheme decides the cache; its nominal parameter count is used where it
            has one, as in the article.
        context_length: tokens of one sequence.
        bytes_per_element: bytes an element of the cache takes.
        bytes_per_parameter: bytes a weight takes.
        batch_size: sequences decoded together.
    """
    weight_bytes = weights(name_parameters(model), bytes_per_parameter)
    per_token = model_kv_bytes_per_token(model, bytes_per_element)
    cache = model_kv_cache(model, context_length, bytes_per_element)
    imagined = {
        scheme: _of_sequence(model, bytes_of_token, context_length)
        for scheme, bytes_of_token in schemes(model, bytes_per_element).items()
    }
    return Conclusions(
        heads=model.heads,
        kv_heads=model.kv_heads,
        gqa_factor=gqa_factor(model.heads, model.kv_heads),
        kv_bytes_per_token=per_token,
        kv_cache=cache,
        kv_cache_gib=cache / si(1.0, "GiB"),
        kv_cache_mha=imagined["MHA"],
        kv_cache_mqa=imagined["MQA"],
        kv_cache_mla=imagined["MLA"],
        kv_cache_batch=kv_cache_of_batch(cache, batch_size),
        weights=weight_bytes,
        batch_that_outgrows=batch_that_outgrows(weight_bytes, cache),
        context_that_outgrows=model_context_that_outgrows(
            model, weight_bytes, batch_size, per_token
        ),
    )


LIVE = Live(
    chapter="kv_cache",
    title="Memory of the KV cache and of the weights against batch size",
    description=(
        "The KV cache of a batch grows in proportion to the batch size and crosses the "
        "level line of the weights."
    ),
    across="batch_size",
    span=(1.0, 10000.0),
    across_title="Batch size (requests)",
    curves=(
        Curve("kv_cache_batch", "KV cache of the batch", "1"),
        Curve("weights", "weights", "2"),
    ),
    unit="GB",
    unit_title="Memory (GB)",
    sliders=("context_length", "bytes_per_element", "bytes_per_parameter"),
    choices=("model",),
    sentence=(
        "At batch {batch_size} and a context of {context_length} the KV cache of {model} "
        "takes {kv_cache_batch} and the weights {weights}; the cache is the larger from "
        "batch {batch_that_outgrows} on."
    ),
    constants=("{model}.layers", "{model}.kv_heads", "{model}.head_dim", "{model}.kv_rank"),
)
