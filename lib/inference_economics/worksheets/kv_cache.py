"""What the KV cache takes, and where it outgrows the weights: the chapter `kv_cache`."""

from __future__ import annotations

from inference_economics import catalog, inputs
from inference_economics.catalog import Model
from inference_economics.formulas import capacity
from inference_economics.formulas import kv_cache as cache_of
from inference_economics.units import Bytes, BytesPerToken, Count, Ratio, Share, Tokens
from reckoner.declare.units import si
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", *cache_of.NEEDS),
    context_length: Tokens = inputs.CONTEXT,
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    batch_size: Count = inputs.BATCH,
) -> Lines:
    """What the KV cache of a model takes, and where it outgrows the weights.

    The model's own scheme decides the cache; its weights are those of its name where it has one,
    as in the article.
    """
    heads: Count = model.heads
    kv_heads: Count = model.kv_heads
    gqa_factor: Ratio = cache_of.gqa_factor(heads, kv_heads)
    kv_bytes_per_token: BytesPerToken = cache_of.model_kv_bytes_per_token(model, bytes_per_element)
    kv_cache: Bytes = cache_of.sequence_cache(model, kv_bytes_per_token, context_length)
    kv_cache_gib: Ratio = kv_cache / catalog.value("gibibyte.size")
    misread = kv_cache / si(1.0, "GiB") * si(1.0, "GB")
    gib_excess: Share = kv_cache / misread - 1
    twice = cache_of.sequence_cache(model, kv_bytes_per_token, 2 * context_length)
    growth_at_twice: Ratio = twice / kv_cache

    # other schemes, imagined
    latent = cache_of.latent_model(model)
    latent_bytes_per_token = cache_of.model_kv_bytes_per_token(latent, bytes_per_element)
    per_token = cache_of.schemes(model, bytes_per_element)
    kv_cache_mha: Bytes = cache_of.sequence_cache(model, per_token["MHA"], context_length)
    kv_cache_mqa: Bytes = cache_of.sequence_cache(model, per_token["MQA"], context_length)
    kv_cache_mla: Bytes = cache_of.sequence_cache(model, per_token["MLA"], context_length)

    # beside the weights
    kv_cache_batch: Bytes = cache_of.kv_cache_of_batch(kv_cache, batch_size)
    weights: Bytes = capacity.weights(cache_of.name_parameters(model), bytes_per_parameter)
    share_of_weights: Share = kv_cache / weights
    batch_that_outgrows: Count = cache_of.batch_that_outgrows(weights, kv_cache)
    full_context = cache_of.context_that_outgrows(weights, batch_size, kv_bytes_per_token)
    context_that_outgrows: Tokens = cache_of.model_context_that_outgrows(
        model, weights, batch_size, kv_bytes_per_token
    )

    # corrected: the weights counted, the cache in the precision of the computation
    counted_weights: Bytes = capacity.weights(capacity.parameter_count(model), bytes_per_parameter)
    fp16_bytes = catalog.value("bf16.bytes_per_parameter")
    fp16_cache: Bytes = cache_of.model_kv_cache(model, context_length, fp16_bytes)
    fp16_cache_batch: Bytes = cache_of.kv_cache_of_batch(fp16_cache, batch_size)
    fp16_batch_that_outgrows: Count = cache_of.batch_that_outgrows(counted_weights, fp16_cache)

    # later models: one with windows, whose heads are not its hidden size, and a long context
    oss = catalog.model("gpt_oss_120b")
    oss_token = cache_of.model_kv_bytes_per_token(oss, bytes_per_element)
    oss_cache: Bytes = cache_of.sequence_cache(oss, oss_token, context_length)
    oss_full_cache: Bytes = cache_of.reserved_in_full(oss, context_length, bytes_per_element)
    oss_shortcut: Ratio = oss.hidden_size / (oss.heads * oss.head_dim)
    longest = catalog.model("llama31_70b")
    longest_cache: Bytes = cache_of.model_kv_cache(
        longest, longest.context_length, bytes_per_element
    )
    context_growth: Ratio = longest.context_length / catalog.value("llama2_70b.context_length")
    return locals()


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
