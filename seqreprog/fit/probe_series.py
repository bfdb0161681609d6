"""The probe of whole series: nothing is trained by gradient, the head is solved on the states of every layer.

    z = (s( f_S( h_theta(x) ) ) - m) / d,   W, b = argmin sum_i v_i |y_i - W z_i - b|^2 + penalty |W|^2

The input map stays as it was drawn, the frozen model reads each view of each series once. `s` are the statistics of
`outputs.layers`, `m` and `d` their mean and spread over the series, `y` is `SURE` times +1 or -1 for each class, or the
value. The penalty is chosen on series left out one by one, which costs nothing: training sets of series are too small
for folds. Source: random convolutions before a ridge (ROCKET, Dempster et al. 2020), linear probing (Alain and Bengio
2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from ..baselines.solvers import ridge_left_out
from ..batches.series import InstanceDataset
from ..batches.stream import rows_that_fit, stream
from ..errors import ConfigError
from ..model import InstanceReprogram
from ..outputs.layers import LayerHead
from ..sources.process import limited_threads
from .probe_sequence import FLAT, SOLVED

PENALTIES = tuple(10.0**power for power in range(-5, 4))
SURE = 3.0  # log-odds that a class aims at
BLOCK = 4096  # features whose products are summed at a time, in double precision


def probe_series(
    model: InstanceReprogram, train: InstanceDataset, columns: int, *, threads: int | None = None
) -> tuple[Int[np.ndarray, " used"], Float[np.ndarray, "used column"]]:
    """Solves the head of `model` in place; the rows it was solved on and what is said of each without it.

    Args:
        model: its output map is a `LayerHead`; its input map and frozen model stay as they are.
        train: series, targets and weights.
        columns: classes, or 1 for values.
        threads: CPU threads; `None` leaves PyTorch's own choice.

    Raises:
        ConfigError: the model has another head.
    """
    head = model.output_map
    if not isinstance(head, LayerHead):
        raise ConfigError("the probe needs a model with a LayerHead; pass training.mode='train' or form='prototype'")
    used = np.linspace(0, len(train) - 1, min(len(train), SOLVED)).astype(int)
    with limited_threads(threads):
        features = series_features(model, train, used)
    weight = train.weight[used].reshape(len(used)).astype(np.float64)
    target = train.target[used].astype(np.float64)
    if train.target.dtype.kind == "i":
        target = SURE * (2.0 * np.eye(columns)[train.target[used]] - 1)
    inputs, centre, divisor = _standard(features, weight)
    gram = np.zeros((len(used), len(used)))
    for start in range(0, inputs.shape[1], BLOCK):
        part = inputs[:, start : start + BLOCK].astype(np.float64)
        gram += part @ part.T
    solution, level, left_out = ridge_left_out(gram, target, weight, PENALTIES)
    weights = (inputs.T.astype(np.float64) @ solution) / divisor[:, None]
    with torch.no_grad():
        head.answer.weight.copy_(torch.from_numpy(weights.T))
        head.answer.bias.copy_(torch.from_numpy(level - centre @ weights))
    return used, left_out


def series_features(
    model: InstanceReprogram, data: InstanceDataset, index: Int[np.ndarray, " row"]
) -> Float[np.ndarray, "row feature"]:
    """What the head reads of the series at `index`, in that order."""
    model.eval()
    head = model.output_map
    if not isinstance(head, LayerHead):
        raise ConfigError("features are those of a LayerHead; pass training.mode='probe'")
    device = next(head.parameters()).device
    patches: Any = model.input_map.patches
    rows = rows_that_fit(patches.positions * head.views, model.backbone.state_width, device)

    def run(part: np.ndarray) -> tuple[np.ndarray]:
        states = model.hidden(data.__getitems__(index[part].tolist()).to(device).batch)
        return (head.read(states.embeds, states.mask).float().cpu().numpy(),)

    return stream(data.lengths[index], rows, run)[0]


def _standard(
    features: Float[np.ndarray, "row feature"], weight: Float[np.ndarray, " row"]
) -> tuple[Float[np.ndarray, "row feature"], Float[np.ndarray, " feature"], Float[np.ndarray, " feature"]]:
    """Features at unit spread over the root of how many, their means and divisors."""
    share = weight / weight.sum()
    centre = share @ features
    spread = np.sqrt(share @ np.square(features - centre))
    divisor = (spread + FLAT * spread.mean() + 1e-12) * np.sqrt(features.shape[1])
    return ((features - centre) / divisor).astype(np.float32), centre, divisor
