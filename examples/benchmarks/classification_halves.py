"""How the views of whole series were chosen: random halves of the training files, never a test file.

Run it: python examples/benchmarks/classification_halves.py [--data DIR] [--sets Beef] [--views 0 1 2] [--layers 0]
Half of each class learns, the other half judges, twelve times. `--views` takes some of the views by number, `--layers`
some of the layers (0 is that of the embeddings). Prints JSON: accuracy and log loss of each set, and their means.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from classification_parts.run import settings
from classification_parts.sets import UCR, UEA, Part, read_set
from scipy.optimize import minimize_scalar

from seqreprog.baselines.solvers import ridge_left_out, row_losses
from seqreprog.batches.series import InstanceDataset
from seqreprog.build.series import SPANS, build_series_model
from seqreprog.data.instances import read_instances
from seqreprog.fit.probe_series import PENALTIES, SURE, series_features
from seqreprog.outputs.layers import STATISTICS
from seqreprog.sources.language import Backbone, load_backbone

HALVES = 12
FLAT = 1e-3  # of the mean spread is added to each feature's, as the probe does


def features(part: Part, target: np.ndarray, backbone: Backbone) -> np.ndarray:
    """What the head reads: `[series, view, statistic, layer, width]`."""
    instances, config = read_instances(part.series), settings("prototype")
    length = int(np.median(instances.lengths))
    classes = int(target.max()) + 1
    model = build_series_model(config, backbone, channels=instances.channels, classes=classes, length=length)
    data = InstanceDataset(instances, instances.scales(), target, np.ones(len(target)))
    found = series_features(model, data, np.arange(len(target)))
    return found.reshape(len(found), len(SPANS), STATISTICS, backbone.layers + 1, backbone.width)


def judged(table: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Accuracy and log loss over random halves, of a head that is solved on one and asked about the other."""
    flat = table.reshape(len(table), -1).astype(np.float64)
    spread = flat.std(0)
    inputs = (flat - flat.mean(0)) / ((spread + FLAT * spread.mean() + 1e-12) * np.sqrt(flat.shape[1]))
    gram, right, lost = inputs @ inputs.T, [], []
    draws = np.random.default_rng(0)
    for _ in range(HALVES):
        known = np.sort(np.concatenate([_half(draws, np.flatnonzero(target == each)) for each in np.unique(target)]))
        asked = np.setdiff1d(np.arange(len(target)), known)
        scores, heat = _answers(gram, target, known, asked)
        right.append((scores.argmax(1) == target[asked]).mean())
        lost.append(row_losses("classify", scores / heat, target[asked]).mean())
    return {"accuracy": float(np.mean(right)), "log loss": float(np.mean(lost))}


def _half(draws: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    return draws.permutation(rows)[: max(2, round(len(rows) / 2))]


def _answers(gram: np.ndarray, target: np.ndarray, known: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, float]:
    """Log-odds of the rows that are asked about, and the temperature, as the probe finds them."""
    inner, across = gram[np.ix_(known, known)], gram[np.ix_(asked, known)]
    middle = inner.mean(0)
    centred = inner - middle - middle[:, None] + middle.mean()
    aim = SURE * (2.0 * np.eye(int(target.max()) + 1)[target[known]] - 1)
    solution, level, left_out = ridge_left_out(centred, aim, np.ones(len(known)), PENALTIES)
    across = across - across.mean(1, keepdims=True) - middle + middle.mean()

    def lost(log_heat: float) -> float:
        return float(row_losses("classify", left_out / np.exp(log_heat), target[known]).sum() + 0.5 * log_heat**2)

    heat = float(np.exp(minimize_scalar(lost, bounds=(-3, 3), method="bounded").x))
    return across @ solution + level, heat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEQREPROG_DATA", "../shared/data")))
    parser.add_argument("--sets", choices=(*UCR, *UEA), nargs="+", default=[*UCR])
    parser.add_argument("--views", type=int, nargs="+", default=list(range(len(SPANS))))
    parser.add_argument("--layers", type=int, nargs="+", default=None)
    options = parser.parse_args()
    config = settings("prototype")
    backbone = load_backbone(config.backbone, config.layers)
    layers = list(range(backbone.layers + 1)) if options.layers is None else options.layers
    found = {}
    for name in options.sets:
        part = read_set(name, options.data)[0]
        target = np.unique(part.labels, return_inverse=True)[1]
        table = features(part, target, backbone)[:, options.views][:, :, :, layers]
        found[name] = judged(table, target)
    mean = {score: float(np.mean([each[score] for each in found.values()])) for score in ("accuracy", "log loss")}
    print(json.dumps({"views": options.views, "layers": layers, "mean": mean, "sets": found}, indent=2))


if __name__ == "__main__":
    main()
