"""Two forecasters with sktime's interface that reprogram a language model: does fitting teach them anything?

sktime's `TimeLLMForecaster`, with the random language model of its own tests (it needs no network), beside seqreprog's
`ReprogForecaster`: as the papers have it on a random model, and as it comes. Mean absolute error of the next 12 steps.

Run it: python examples/sktime_compare.py
"""

import tempfile
import warnings

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from sktime.datasets import load_airline
from sktime.forecasting.naive import NaiveForecaster
from sktime.forecasting.time_llm import TimeLLMForecaster

from seqreprog import Adapter, Training
from seqreprog.sktime import ReprogForecaster

STEPS = range(1, 13)
TINY, PURE = TimeLLMForecaster.get_test_params()[0], {"backbone": "tiny-random", "base": "none"}
TRAINING = Training(max_steps=50, batch_size=32, learning_rate=0.01, threads=1, progress=False)
OURS = {"horizon": 12, "context": 36, "layers": 1, "adapter": Adapter(patch=12, stride=12), "training": TRAINING}


def weights(forecaster):
    """What could have been trained: of theirs all that takes a gradient, of ours theta and omega."""
    if isinstance(forecaster, TimeLLMForecaster):
        return [w.detach().float().numpy().copy() for w in forecaster.model_.parameters() if w.requires_grad]
    with tempfile.TemporaryDirectory() as place:
        forecaster.model_.model.save(f"{place}/model")
        saved = load_file(f"{place}/model/adapter_model.safetensors")
    return [weight for name, weight in saved.items() if not name.startswith(("ridge", "calibration"))]


def row(name, forecaster, y):
    error, said = (forecaster.fit(y[:-12], fh=STEPS).predict() - y[-12:]).abs().mean(), ""
    if hasattr(forecaster, "model_"):
        pairs = zip(weights(forecaster), weights(forecaster.clone().fit(y[:-12] ** 2, fh=STEPS)), strict=True)
        same = all(np.array_equal(*pair) for pair in pairs)
        said = f"weights: {'the same after' if same else 'changed by'} other data"
    print(f"  {name:<42}{error:9.3f}  {said}")


def main():
    warnings.simplefilter("ignore")  # sktime's, and our notices that a short series holds out few windows
    sine = np.sin(2 * np.pi * np.arange(300) / 12) + np.random.default_rng(0).normal(0, 0.1, 300)
    for title, y in {"airline passengers": load_airline(), "noisy sine": pd.Series(sine)}.items():
        print(f"{title}, {len(y) - 12} steps to learn from (seqreprog beside sktime)")
        shape = {"pred_len": 12, "seq_len": len(y) - 12, "patch_len": 12, "stride": 12}
        row("naive", NaiveForecaster(), y)
        row("TimeLLMForecaster, random model", TimeLLMForecaster(**TINY | shape), y)
        row("ReprogForecaster, random model, no ridge", ReprogForecaster(**OURS, **PURE), y)
        row("ReprogForecaster, MiniLM beside a ridge", ReprogForecaster(**OURS), y)


if __name__ == "__main__":
    main()
