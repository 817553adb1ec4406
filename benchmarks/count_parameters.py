"""Count the parameters of the tests' configurations a second time: by transformers.

    pip install transformers torch                # in an environment of its own
    python benchmarks/count_parameters.py         # writes tests/configurations.json again

The model is built on the meta device, which holds shapes and no numbers. Towers for pictures and
sound, and layers that predict further tokens, are left out. Nothing in the build or in the tests
needs this: they compare with what it stored.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSequenceClassification,
)

from record import record

STORED = Path(__file__).parent.parent / "tests" / "configurations.json"
LEFT_OUT = ("visual", "vision", "multi_modal", "mtp", "projector")


def count(config):
    """The parameters of the language model that a config.json describes."""
    config = json.loads(json.dumps(config).replace('"kimi_k2"', '"deepseek_v3"'))  # one class
    fields = {name: value for name, value in config.items() if name != "model_type"}
    wanted = AutoConfig.for_model(config["model_type"], **fields)
    classifies = "ForSequenceClassification" in str(config.get("architectures"))
    kind = AutoModelForSequenceClassification if classifies else AutoModelForCausalLM
    with torch.device("meta"):
        try:
            model = kind.from_config(wanted)
        except ValueError:  # it has no class for text alone
            model = AutoModelForImageTextToText.from_config(wanted)
    tied = [getattr(each, "tie_word_embeddings", False) for each in (wanted, model.config)]
    if any(tied):
        model.tie_weights()
    named = model.named_parameters()
    return sum(p.numel() for name, p in named if not any(part in name for part in LEFT_OUT))


if __name__ == "__main__":
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    for each in stored["configurations"]:
        each["parameters"] = count(each["config"])
    stored["counted by"] = f"transformers {transformers.__version__}"
    lines = ",\n".join(json.dumps(each) for each in stored["configurations"])
    head = json.dumps({"counted by": stored["counted by"]})[1:-1]
    record("configurations whose parameters transformers counted", len(lines.splitlines()), "count")
    STORED.write_text(f'{{{head}, "configurations": [\n{lines}\n]}}\n', encoding="utf-8")
