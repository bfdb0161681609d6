"""What the canary costs: milliseconds that `load` spends on asking a saved model again, for each of four families.

Run it: python examples/benchmarks/canary.py [--rounds 15] [--billion] [--json docs/results/canary.json]
Small models on MiniLM are fitted on generated data and saved. `load` with and without the canary, and the loading of
the frozen model alone, are timed in turns in one process of one thread, in its CPU time; `canary` is the paired
difference. Each is a median with the tenth and the ninetieth percentile of the rounds.
`--billion` adds one pass of the same canary through a causal model of a billion random weights (4 GB of memory).
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from seqreprog import Forecaster, Notice, SequenceClassifier, SequenceInfiller, Training
from seqreprog.baselines.ridge import RidgeForecaster
from seqreprog.build.forecast import build_forecaster
from seqreprog.config.forecast import ForecastConfig
from seqreprog.config.series import SeriesConfig
from seqreprog.estimators.series import SeriesModel
from seqreprog.fit.fitted_forecast import Blend
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.sources.tiny import tiny_tokenizer


def models() -> dict[str, tuple[Any, int | None]]:
    """A fitted model of each family, whose language model answers, and the layers it reads."""
    rng, steps = np.random.default_rng(0), np.arange(900)
    frame = pd.DataFrame({"unique_id": "a", "ds": steps, "y": np.sin(steps / 4) + 0.3 * rng.normal(size=900)})
    texts = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=rng.integers(10, 30))) for _ in range(60)]
    classes = [int(text.count("K") > text.count("D")) for text in texts]
    series = rng.normal(size=(30, 2, 80)) + np.arange(30)[:, None, None] % 2
    quiet = Training(progress=False)
    forecast = Forecaster(24, context=168, base="none", training=quiet).fit(frame, mode="probe")
    return {
        "forecast": (forecast, 2),
        "sequence": (SequenceClassifier(base="none").fit(texts, classes), 4),
        "infill": (SequenceInfiller(base="none").fit(texts), 4),
        "series": (SeriesModel.fit(SeriesConfig(), series, np.arange(30) % 2), 2),
    }


def timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def figures(values: list[float]) -> dict[str, float]:
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return {"median": round(middle, 1), "from": round(low, 1), "to": round(high, 1)}


def cost(kind: Any, path: Path, layers: int | None, rounds: int) -> dict[str, Any]:
    """Milliseconds of loads in turns; the first round warms up."""
    with_canary, without, backbone = [], [], []
    for _ in range(rounds + 1):
        with_canary.append(timed(lambda: kind.load(path)))
        without.append(timed(lambda: kind.load(path, verify=False)))
        backbone.append(timed(lambda: load_backbone("minilm", layers)))
    extra = [one - other for one, other in zip(with_canary[1:], without[1:], strict=True)]
    named = {"load": with_canary[1:], "without": without[1:], "backbone": backbone[1:], "canary": extra}
    return {name: figures(values) for name, values in named.items()}


def billion() -> dict[str, Any]:
    """One canary of a forecaster on a causal model of the shape of TinyLlama 1.1B, random weights, float32."""
    from transformers import LlamaConfig, LlamaModel

    tokenizer = tiny_tokenizer()
    shape = LlamaConfig(
        vocab_size=32000, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32,
        num_key_value_heads=4,
    )  # fmt: skip
    model = LlamaModel(shape).eval()
    backbone = Backbone(model=model, tokenizer=tokenizer, name="llama-1b", layers=22)
    config = ForecastConfig(horizon=24, context=168, layers=None, base="none")
    net = build_forecaster(config, backbone, fresh=False)
    ridge = RidgeForecaster(np.zeros((168, 24)), "last", 1.0)
    blend = Blend(config, backbone, ridge, net, 1.0, np.ones((24, 2)), np.ones(24))
    inputs = blend.canary_inputs()
    found = [timed(lambda: blend.canary_answers(inputs)) for _ in range(4)]
    weights = sum(weight.numel() for weight in model.parameters())
    return {"weights": weights, "first_ms": round(found[0]), "later_ms": round(float(np.median(found[1:])))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--billion", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore", Notice)
    torch.set_num_threads(1)
    found: dict[str, Any] = {"unit": "milliseconds of CPU time", "rounds": given.rounds, "torch": torch.__version__}
    with tempfile.TemporaryDirectory() as place:
        for name, (model, layers) in models().items():
            model.save(Path(place) / name)
            found[name] = cost(type(model), Path(place) / name, layers, given.rounds)
    if given.billion:
        found["billion"] = billion()
    text = json.dumps(found, indent=2)
    print(text)
    if given.json is not None:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
