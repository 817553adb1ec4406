"""A chip and a model of one's own: taken like those of the catalog, refused row by row."""

import json
from pathlib import Path

import pytest

from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.catalog import config_json, own
from reckoner.declare.parameters import ParameterError
from reckoner.declare.tables import DataError
from reckoner.execute import attempt
from reckoner.show.explain import Explanations
from reckoner.site.one_page import page_of

EXAMPLES = Path(__file__).parent.parent / "examples"
CHIP, MODEL = str(EXAMPLES / "made_up_chip.toml"), str(EXAMPLES / "llama2_70b_config.json")
GPU = str(EXAMPLES / "made_up_gpu.toml")
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168,
    "num_attention_heads": 128, "num_key_value_heads": 128, "vocab_size": 129280,
    "max_position_embeddings": 163840, "kv_lora_rank": 512, "q_lora_rank": 1536,
    "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
    "intermediate_size": 18432, "first_k_dense_replace": 3,
}  # fmt: skip
MIXTRAL = {
    "model_type": "mixtral", "num_hidden_layers": 32, "hidden_size": 4096,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000,
    "max_position_embeddings": 32768, "num_local_experts": 8, "num_experts_per_tok": 2,
    "intermediate_size": 14336, "sliding_window": None,
}  # fmt: skip


def chip_file(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def model_file(folder, **change):
    path = folder / "config.json"
    config = {**json.loads(Path(MODEL).read_text()), **change}
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not ...}))
    return str(path)


def files_for(chapter):
    """A file for the chip and for the model of a chapter, where it has them."""
    files = {"chip": GPU if chapter == "serving" else CHIP, "model": MODEL}
    return {p.name: files[p.name] for p in BOOK.parameters(chapter) if p.name in files}


@pytest.mark.parametrize("chapter", BOOK.chapters)
def test_every_chapter_takes_files(chapter):
    given = files_for(chapter)
    concluded = BOOK.conclude(chapter, given)
    for name in given:
        assert concluded.given[name] in {"Made-up SRAM card", "Made-up GPU", "Llama-2-70b-hf"}


HOSTILE = (
    "<script>hacked()</script><img src=x onerror=hacked()>\"'&amp;<b>\\ {chip} $x$ `c` *i* "
    "[l](https://example.com) |"
)


def hostile(chapter, folder):
    """Files for every choice of a chapter that takes one, each with a name that is markup."""
    given = files_for(chapter)
    if chapter == "spatial_computing":
        row = 'narrow_compute = { value = 2, unit = "TOP/s", source = "me" }\n'
        given = {"fpga": chip_file(folder, HEAD + ROW.format(10, "MB") + row)}
    for number, (name, path) in enumerate(given.items()):
        if path == MODEL:
            config = {**json.loads(Path(path).read_text()), "_name_or_path": HOSTILE_MODEL}
            text = json.dumps(config)
        else:
            rows = Path(path).read_text().replace("name = ", "maker = ", 1).split("\n")
            text = f"name = {json.dumps(HOSTILE)}\n" + "\n".join(
                row for row in rows if not row.startswith("maker")
            )
        given[name] = str(folder / f"{number}{Path(path).suffix}")
        Path(given[name]).write_text(text)
    return given


HOSTILE_MODEL = HOSTILE.replace("/", "_")  # what stands before a slash is no name
SEEN = """() => {
  const main = document.querySelector("main").cloneNode(true);
  const made = [...main.querySelectorAll("img, script, b, a[href^='https://example']")];
  const handlers = [...main.querySelectorAll("*")].flatMap((e) => [...e.attributes]);
  main.querySelectorAll("svg, script").forEach((e) => e.remove()); // long names are cut there
  return {
    made: made.filter((e) => !e.matches("[type='application/json'], .explained *, .drawing *"))
      .length,
    handlers: handlers.filter(({ name }) => name.startsWith("on")).length,
    refused: window.refused ?? [],
    text: main.textContent.replaceAll(/[“”]/g, '"').replaceAll("’", "'"),
  };
}"""


@pytest.mark.parametrize("chapter", BOOK.chapters)
def test_every_text_takes_files_and_no_name_in_them_is_markup(chapter, visit, tmp_path):
    given = hostile(chapter, tmp_path)
    executed = tmp_path / "executed.ipynb"
    assert attempt(EXAMPLES.parent / "notebooks" / f"{chapter}.ipynb", executed, given) == ""
    run = BOOK.run(chapter, BOOK.parameters(chapter).check(given))
    numbers = "\n".join(Explanations(BOOK, chapter, run, "", "").fragments().values())
    page = tmp_path / "page.html"
    page.write_text(page_of(executed.read_text("utf-8"), EXAMPLES.parent / "book", numbers))
    seen = visit(page).evaluate(SEEN)
    assert (seen["made"], seen["handlers"], seen["refused"]) == (0, 0, [])
    name = HOSTILE_MODEL if "model" in given else HOSTILE
    assert name in seen["text"]
    assert seen["text"].count("hacked()") == 2 * (
        seen["text"].count(HOSTILE) + seen["text"].count(HOSTILE_MODEL)
    )


def test_a_published_shape_gives_what_the_catalog_has():
    known, mine = catalog.model("llama2_70b"), own.model(MODEL)
    for quantity in ("layers", "heads", "kv_heads", "head_dim", "ffn_size", "total_parameters"):
        assert mine.values[quantity] == known.values[quantity]
    assert mine.nominal_parameters == mine.total_parameters


def test_experts_and_latent_attention_are_counted():
    # The published totals: 671 and 37 billion; 46.7 and 12.9 billion.
    deepseek, mixtral = (config_json.described(c).values for c in (DEEPSEEK_V3, MIXTRAL))
    assert deepseek["total_parameters"] == 671_026_404_352
    assert round(deepseek["active_parameters"], -9) == 38e9  # with input and output embeddings
    assert (mixtral["total_parameters"], mixtral["experts"]) == (46_702_792_704, 8)
    assert round(mixtral["active_parameters"], -8) == 12.9e9
    assert deepseek["kv_rank"] + deepseek["rope_dim"] == 576


def test_tied_embeddings_count_once(tmp_path):
    tied = own.model(model_file(tmp_path, tie_word_embeddings=True))
    assert own.model(MODEL).total_parameters - tied.total_parameters == 32000 * 8192


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "GQA"),
        ({"num_key_value_heads": 64}, "MHA"),
        ({"num_key_value_heads": 1}, "MQA"),
        (DEEPSEEK_V3, "MLA"),
    ],
)
def test_a_file_says_how_its_model_attends(tmp_path, change, kind):
    assert own.attention(model_file(tmp_path, **change)) == kind


def test_what_was_taken_from_a_file_is_said_and_what_it_lacks(tmp_path):
    silent = own.model(model_file(tmp_path, dtype=..., torch_dtype=...)).notes
    assert silent[0] == "68.98 billion parameters counted"
    assert silent[1] == "the file says nothing of the bytes of a weight"
    told = own.model(model_file(tmp_path, dtype=..., torch_dtype="bfloat16")).notes
    assert told[0] == silent[0] and "torch_dtype bfloat16" in told[1]
    assert silent[1] not in told


def test_windows_are_those_of_the_layers_that_have_them(tmp_path):
    kinds = ["sliding_attention", "full_attention"] * 40
    mine = own.model(model_file(tmp_path, sliding_window=4096, layer_types=kinds))
    assert (mine.sliding_window, mine.windowed_layers) == (4096, 40)
    with pytest.raises(ParameterError, match="of another kind"):
        BOOK.parameters("prefill_caching").check({"model": str(tmp_path / "config.json")})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gpt2"}, "model_type: 'gpt2' is not understood. Known: llama"),
        ({"num_hidden_layers": ...}, "num_hidden_layers: expected a whole number"),
        ({"hidden_size": -1}, "hidden_size: expected a whole number"),
        ({"hidden_size": 1e400}, "hidden_size: expected a whole number"),
        ({"vocab_size": "many"}, "vocab_size: expected a whole number"),
        ({"num_attention_heads": 63}, "the heads do not divide"),
    ],
)
def test_a_wrong_config_is_named(tmp_path, change, message):
    with pytest.raises(ParameterError, match=f"model: .*config.json: .*{message}"):
        BOOK.parameters("batching").check({"model": model_file(tmp_path, **change)})


SPEEDS = """
memory_bandwidth = { value = 3, unit = "TB/s", source = "me" }
fp16_compute = { value = 900, unit = "TFLOP/s", source = "me" }
"""
HEAD = 'name = "Mine"\nmemory_kind = "SRAM"\n'
ROW = 'memory = {{ value = {}, unit = "{}", source = "me" }}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no 'name'"),
        ("name = ", "not TOML"),
        ('name = "Mine"\n', "no 'memory_kind'"),
        (HEAD, "has no 'memory', which is needed here; add a row memory = {"),
        (HEAD + ROW.format(-1, "GB"), "row 'memory': value: must be finite and not negative"),
        (HEAD + ROW.format(0, "GB"), "row 'memory': value: must be more than 0"),
        (HEAD + ROW.format("nan", "GB"), "row 'memory': value: must be finite"),
        (HEAD + ROW.format(1, "W"), "row 'memory': unit: 'W' is no unit of it; write 'GB'"),
        (HEAD + ROW.format(1, "GX"), "row 'memory': unit: unknown unit 'GX'"),
        (HEAD + ROW.format('"80 GB"', "GB"), "row 'memory': value: expected a number"),
        (HEAD + "memory = 80\n", "row 'memory': expected { value = 1"),
        (
            HEAD + 'memry = { value = 1, unit = "GB", source = "me" }',
            "a chip; did you mean 'memory'",
        ),
        ('name = "Mine"\nmemory_kind = "HBM"\n' + ROW.format(80, "GB") + SPEEDS, "of another kind"),
    ],
)
def test_a_wrong_chip_is_named_row_by_row(tmp_path, text, message):
    with pytest.raises(ParameterError) as refused:
        BOOK.parameters("capacity").check({"chip": chip_file(tmp_path, text)})
    assert str(refused.value).startswith("chip: ")
    assert message in str(refused.value)


def test_all_wrong_rows_are_named_at_once(tmp_path):
    rows = ROW.format(-1, "GB") + ROW.format(1, "m").replace("memory", "power")
    with pytest.raises(DataError) as refused:
        own.chip(chip_file(tmp_path, HEAD + rows))
    assert "row 'memory'" in str(refused.value) and "row 'power'" in str(refused.value)


@pytest.mark.parametrize("path", ["none.toml", "\0.toml", "x" * 5000 + ".toml", ".toml", "/.toml"])
def test_a_file_that_is_not_there_is_named(path):
    with pytest.raises(ParameterError, match="chip: "):
        BOOK.parameters("batching").check({"chip": path})
