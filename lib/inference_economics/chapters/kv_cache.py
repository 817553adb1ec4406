"""The pictures, tables and turns of phrase of the chapter `kv_cache`."""

from __future__ import annotations

import altair as alt
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.catalog import Model, own
from inference_economics.chapters import room
from inference_economics.formulas import capacity
from inference_economics.formulas import kv_cache as cache_of
from reckoner.show.charts import SOLID, Axis, Names, Style, bars, dots, lines, points, texts
from reckoner.show.notebook import Chapter

SCHEMES = {
    "MHA": Style("4", (2, 3)),
    "GQA": Style("3", SOLID, "square"),
    "MQA": Style("5", (8, 4)),
    "MLA": Style("6", (8, 3, 2, 3), "triangle-up"),
}


def _caches(chapter: Chapter) -> dict[str, float]:
    """The cache of one sequence by scheme, the model's own among them, largest first."""
    results = chapter.results
    caches = {
        "MHA": results.kv_cache_mha,
        own.attention(chapter.inputs.model.key): results.kv_cache,
        "MQA": results.kv_cache_mqa,
        "MLA": results.kv_cache_mla,
    }
    return dict(sorted(caches.items(), key=lambda item: item[1], reverse=True))


def cache_by_scheme(chapter: Chapter) -> HTML:
    """The cache of one sequence as the model is, and under the other schemes."""
    words, name = chapter.words, chapter.inputs.model.name
    scheme, caches = own.attention(chapter.inputs.model.key), _caches(chapter)
    sizes = [chapter.shown(size, "B") for size in caches.values()]
    places = pd.DataFrame(
        {
            "y": list(caches),
            "x": [size / 1e9 for size in caches.values()],
            "size": sizes,
            "kind": ["as it is" if each == scheme else "imagined" for each in caches],
        }
    )
    x, y = Axis("KV cache of one sequence (GB)"), Names("Attention", list(caches))
    kinds = {"as it is": Style("3"), "imagined": Style("axis")}
    shares = chapter.results.kv_cache_mha / chapter.results.kv_cache
    return chapter.drawn(
        bars(places, x, y, kinds, name),
        texts(places["x"], places["y"], sizes, x, y, dx=6),
        title=(
            f"{scheme} makes the cache of {name} {chapter.shown(shares, 'ratio', 2)} times smaller"
            if shares > 1
            else f"{name} shares no heads, and its cache is as large as can be"
        ),
        description=(
            f"Bars of the KV cache of one sequence with the layers and heads of {name}: "
            f"MHA {words.kv_cache_mha}, as it is ({scheme}) {words.kv_cache}, "
            f"MQA {words.kv_cache_mqa}, MLA {words.kv_cache_mla}."
        ),
        height=260,
        data=places.set_axis(["Attention", "Cache (GB)", "Size", "The model"], axis=1),
    )


def room_of_schemes(chapter: Chapter) -> HTML:
    """The room with a batch of conversations in it, under each of the schemes."""
    return room.of_schemes(chapter, _caches(chapter), own.attention(chapter.inputs.model.key))


def sharing(chapter: Chapter) -> str:
    """What the model would need if it shared no heads."""
    results, words = chapter.results, chapter.words
    if chapter.inputs.model.key == "llama2_70b":
        return f"""With a KV head for each of its {words.heads} query heads the model would need {
            words.kv_cache_mha
        }
for one sequence and not {words.kv_cache}: that was the slip of the article's first version."""
    if results.kv_cache_mha > results.kv_cache:
        return f"With a KV head for every query head one sequence would take {words.kv_cache_mha}."
    return "Here every query head has a KV head: nothing is shared."


def ranks(chapter: Chapter) -> str:
    """Whose sizes the MLA bar has."""
    latent, model = chapter.lines.latent, chapter.inputs.model
    if latent.key == model.key:
        return "the model's own"
    return f"those of {latent.name}, as no {model.name} was trained that way"


def larger(chapter: Chapter) -> bool:
    """Whether the cache of this page's batch is at least as large as the weights."""
    return bool(chapter.results.kv_cache_batch >= chapter.results.weights)


def where_it_outgrows(chapter: Chapter) -> HTML:
    """For each scheme the batches and contexts at which the cache equals the weights."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    scheme, drawn = own.attention(given.model.key), list(_caches(chapter))
    batches = [2**power for power in range(max(13, int(given.batch_size).bit_length() + 1))]
    contexts = {
        f"{name}, {'as it is' if name == scheme else 'imagined'}": [
            cache_of.model_context_that_outgrows(
                given.model, results.weights, batch, chapter.lines.per_token[name]
            )
            for batch in batches
        ]
        for name in drawn
    }
    x = Axis(
        "Batch size (sequences)",
        log=True,
        scale={"nice": False},
        ticks={"values": [10**power for power in range(7)], "format": "~s"},
    )
    y = Axis(
        "Context length (tokens)",
        log=True,
        ticks={"values": [10**power for power in range(1, 10)], "format": "~s"},
    )
    kinds = dict(zip(contexts, (SCHEMES[name] for name in drawn), strict=True))
    here = points(given.batch_size, given.context_length, x, y, "text", size=120, opacity=1)
    diamond = alt.Shape(
        "kind:N", title="Batch and context", scale=alt.Scale(range=["diamond"]),
        legend=alt.Legend(orient="bottom"),
    )  # fmt: skip
    size = "larger" if larger(chapter) else "smaller"
    return chapter.drawn(
        lines({name: (batches, ys) for name, ys in contexts.items()}, x, y, kinds, "Attention"),
        here.transform_calculate(kind="'this page'").encode(diamond),
        title=f"At this batch and context the cache is {size} than the weights",
        description=(
            f"Lines of batch size against context length on which the KV cache of "
            f"{given.model.name} equals its weights of {words.weights}. As it is, at a batch "
            f"of {words.batch_size} that takes {words.context_that_outgrows}, and at "
            f"{words.context_length} a batch of {words.batch_that_outgrows}."
        ),
        data=pd.DataFrame(
            {
                "Batch size (count)": batches,
                **{f"{name} (tokens)": ys for name, ys in contexts.items()},
            }
        ),
    )


def trade(chapter: Chapter) -> str:
    """What a longer context costs in users."""
    if not chapter.inputs.model.has("windowed_layers"):
        return "The two trade one for one: twice the context, half the users."
    full = chapter.shown(chapter.lines.full_context, "token")
    return f"Its windows put that off: with a full cache in every layer {full} would do."


def corrected(chapter: Chapter) -> HTML:
    """What the page takes, beside weights counted and a cache in fp16."""
    words = chapter.words
    rows = [
        ("weights", words.weights, words.counted_weights),
        ("KV cache of one sequence", words.kv_cache, words.fp16_cache),
        ("KV cache of the batch", words.kv_cache_batch, words.fp16_cache_batch),
        ("batch that outgrows", words.batch_that_outgrows, words.fp16_batch_that_outgrows),
    ]
    headings = ["Input", "As taken", "Weights counted, cache in fp16"]
    return chapter.table(pd.DataFrame(rows, columns=headings))


def shaped() -> list[Model]:
    """The models of the catalog whose shape is known."""
    return [catalog.model(key) for key in catalog.models("hidden_size", *cache_of.NEEDS)]


def some_of(models: list[Model], most: int = 2) -> str:
    """The names of the first models, and whether there are others."""
    named = " and ".join(model.name for model in models[:most])
    return f"{named}, among others," if len(models) > most else named


def every_model(chapter: Chapter) -> pd.DataFrame:
    """What the cache takes in every model whose shape is known, largest first."""
    given, names = chapter.inputs, catalog.model_names()
    rows = [
        {
            "Model": model.name,
            "Attention": names[model.key].attention,
            "Cache (MB)": cache / 1e6,
            "Per token (kB)": token / 1e3,
            "Weights (GB)": weights / 1e9,
            "Batch that outgrows (count)": cache_of.batch_that_outgrows(weights, cache),
        }
        for model in shaped()
        for token in [cache_of.model_kv_bytes_per_token(model, given.bytes_per_element)]
        for cache in [cache_of.sequence_cache(model, token, given.context_length)]
        for weights in [
            capacity.weights(capacity.parameter_count(model), given.bytes_per_parameter)
        ]
    ]
    return pd.DataFrame(rows).sort_values("Cache (MB)", ascending=False, kind="stable")


def cache_of_every_model(chapter: Chapter) -> HTML:
    """The cache of one sequence of every model whose shape is known."""
    table = every_model(chapter)
    most, least = table.iloc[0], table.iloc[-1]
    x = Axis(
        "KV cache of one sequence (MB)",
        log=True,
        ticks={"values": [10**power for power in range(-2, 8)], "format": "~s"},
    )
    places = table.rename(columns={"Cache (MB)": "x", "Model": "y", "Attention": "kind"})
    kinds = {name: style for name, style in SCHEMES.items() if name != "MQA"}
    return chapter.drawn(
        dots(places, x, Names("Model", list(table["Model"])), kinds, "Attention", size=90),
        title="A larger model need not have a larger cache",
        description=(
            f"Dot plot of the KV cache of one sequence of {chapter.words.context_length} for "
            f"{len(table)} models, from {chapter.shown(least['Cache (MB)'] * 1e6, 'B')} "
            f"({least['Model']}) to {chapter.shown(most['Cache (MB)'] * 1e6, 'B')} "
            f"({most['Model']})."
        ),
        height=24 * len(table),
        data=table,
    )


def what_if(chapter: Chapter) -> str:
    """Which of the models could not take a sequence this long."""
    longest = chapter.inputs.context_length
    short = [model.name for model in shaped() if model.context_length < longest]
    if not 0 < len(short) <= 4:
        return ""
    return (
        f" A sequence this long is more than {' and '.join(short)} can take; there the dot is a "
        "what-if."
    )
