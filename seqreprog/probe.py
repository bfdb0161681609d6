"""The probe: a quick first answer. Nothing is trained by gradient; the head is solved in closed form.

    h = f_S( h_theta(x) ),   z = P h,   W, b = argmin sum_i v_i |y_i - W z_i - b|^2 + penalty |W|^2

The input map stays as it was drawn and the frozen model runs once over the windows; `P` are the principal directions of
its hidden states, `v_i` is a window's weight in the loss. Source: linear probing (Alain and Bengio 2017, section 3),
here behind a random input map (Rahimi and Recht 2008), for a forecast.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from .batching import in_batches
from .blend import Blend
from .data.windows import Windows
from .errors import TrainingError
from .outputs.heads import ForecastHead
from .outputs.losses import point_loss
from .samples import Sample, batch_to
from .train import TrainingLog, limited_threads, make_accelerator

WINDOWS = 8192  # to solve the head on, one drawn from each of as many equal stretches
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)  # relative to the mean diagonal of the Gram matrix
DEFAULT_PENALTY = 0.1  # where nothing is held out
IN_MEMORY = 256 * 2**20  # bytes of hidden states from which they go to disk
CHUNK = 512  # windows looked at together, so that states on disk stay there

Hidden = Float[np.ndarray, "window length width"]


@dataclass(frozen=True, eq=False)
class _States:
    """What the frozen model made of some windows, and what they should become."""

    hidden: Hidden
    target: Float[Tensor, "window horizon"]
    weight: Float[Tensor, "window horizon"]

    def chunks(self) -> Iterator[Float[Tensor, "window length width"]]:
        for start in range(0, len(self.hidden), CHUNK):
            yield torch.from_numpy(np.array(self.hidden[start : start + CHUNK]))

    def features(self, head: ForecastHead) -> Float[Tensor, "window feature"]:
        """The `z` of each window, flat as the head reads it, and a 1 for the intercept."""
        flat = torch.cat([head.project(part).flatten(1) for part in self.chunks()])
        return torch.nn.functional.pad(flat, (0, 1), value=1.0).double()


@torch.no_grad()
def probe(
    blend: Blend, train: Windows, judged: Windows, series_scale: Float[np.ndarray, " series"]
) -> tuple[TrainingLog, Hidden]:
    """Solves the head of `blend.model` in place; one forward pass over the windows in all.

    Args:
        blend: its input map and frozen model stay as they are.
        train: windows to solve the head on; at most `WINDOWS` are used, and fewer where the time budget ends.
        judged: windows to choose the penalty by; where nothing is held out, `train` itself.
        series_scale: of each series of the panel.

    Returns:
        The log, and the hidden states of `judged`, so that what follows need not run the frozen model again.

    Raises:
        TrainingError: hidden states or targets are not finite.
    """
    start, training, model = time.perf_counter(), blend.config.training, blend.model
    with limited_threads(training.threads):
        model.to(make_accelerator(blend.config.device, "no", blend.config.seed).device).eval()
        held_out = _run(blend, judged, series_scale, None)
        seen = held_out
        if train is not judged:
            order = np.random.default_rng(blend.config.seed).permutation(min(len(train), WINDOWS))
            stop = None if training.time_budget is None else start + training.time_budget
            seen = _run(blend, train.thin(WINDOWS).take(order), series_scale, stop)
        place, head = next(model.output_map.parameters()).device, cast(ForecastHead, model.output_map.cpu())
        _principal(head, seen)
        error = _solve(head, seen, held_out, blend)
        _set_steps(head, seen, blend.config.quantile_levels)
        head.to(place)
    seconds = time.perf_counter() - start
    log = TrainingLog(looks=[(0, seconds, error)], seconds=seconds, stopped=f"solved on {len(seen.hidden)} windows")
    return log, held_out.hidden


def _run(blend: Blend, windows: Windows, series_scale: np.ndarray, stop: float | None) -> _States:
    """The one pass, over one batch at least, and until the clock says `stop`."""
    device = next(blend.model.input_map.parameters()).device

    def read(where: slice) -> tuple[np.ndarray, Sample]:
        sample = blend.framing.sample(windows.take(where), series_scale)
        return blend.model.hidden(batch_to(sample.batch, device)).float().cpu().numpy(), sample

    samples: list[Sample] = []
    store, done = np.empty(0), 0
    hide = not blend.config.training.progress
    with tqdm(total=len(windows), desc="probing", unit="window", disable=hide or None) as bar:
        for where, (hidden, sample) in in_batches(len(windows), blend.batch_rows(), read):
            if not np.isfinite(hidden).all():
                raise TrainingError(f"the frozen model {blend.backbone.name!r} answers with infinite or missing values")
            if not samples:
                store = _space((len(windows), *hidden.shape[1:]))
            store[where] = hidden
            samples.append(sample)
            bar.update(len(hidden))
            done = where.stop
            if stop is not None and time.perf_counter() > stop:
                break
    target, weight = (torch.cat([getattr(one, name)[:, 0] for one in samples]) for name in ("target", "weight"))
    return _States(store[:done], target, weight)


def _space(shape: tuple[int, ...]) -> np.ndarray:
    """Room for hidden states: in memory, or in a file that is gone with the array."""
    if 4 * math.prod(shape) <= IN_MEMORY:
        return np.empty(shape, np.float32)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float32, "w+", shape=shape)


def _principal(head: ForecastHead, seen: _States) -> None:
    """P: the directions along which hidden states of one slot differ most between windows, each scaled to spread 1."""
    slots = torch.zeros(seen.hidden.shape[1:], dtype=torch.float64)
    for part in seen.chunks():
        slots += part.double().sum(0)
    slots /= len(seen.hidden)
    covariance = torch.zeros(2 * [slots.shape[1]], dtype=torch.float64)
    for part in seen.chunks():
        centred = (part - slots).flatten(0, 1).double()
        covariance += centred.T @ centred
    roots, basis = torch.linalg.eigh(covariance / (len(seen.hidden) * len(slots)))
    count = min(head.project.out_features, len(roots))
    spread = roots[-count:].flip(0).clamp_min(1e-12 * roots[-1].clamp_min(1e-30)).sqrt()
    basis = basis[:, -count:].flip(1) / spread
    basis = torch.where(basis.sum(0) < 0, -basis, basis)  # an eigenvector's sign is arbitrary
    head.project.weight.zero_()
    head.project.weight[:count] = basis.T.float()
    head.project.bias.zero_()
    head.project.bias[:count] = -(slots.mean(0) @ basis).float()


def _solve(head: ForecastHead, seen: _States, held_out: _States, blend: Blend) -> float:
    """W and b; the penalty is that of the least validation error, which is returned."""
    features = seen.features(head)
    choices = PENALTIES if held_out is not seen else (DEFAULT_PENALTY,)
    found = _ridge(features, seen.target.double(), seen.weight.double(), choices)
    looked = held_out.features(head)
    truth, weight = held_out.target[:, None].double(), held_out.weight[:, None].double()
    errors = [point_loss((looked @ each)[:, None], truth, weight, blend.config.loss) for each in found]
    best = int(torch.stack(errors).argmin())
    head.point.weight.copy_(found[best, :-1].T)
    head.point.bias.copy_(found[best, -1])
    share = (held_out.weight > 0).double().mean().clamp_min(1e-12)
    return float(errors[best] / share)


def _ridge(
    features: Float[Tensor, "window feature"],
    target: Float[Tensor, "window horizon"],
    weight: Float[Tensor, "window horizon"],
    penalties: tuple[float, ...],
) -> Float[Tensor, "penalty feature horizon"]:
    """Weighted least squares, once for each penalty; the intercept, the last feature, is not penalised.

    Windows with a missing target are left out where at least half have none; otherwise steps that the same windows saw
    share one Gram matrix.
    """
    whole = (weight > 0).all(1)
    if 2 * whole.sum() >= len(whole):
        features, target, weight = features[whole], target[whole], weight[whole]
    patterns, group = torch.unique(weight > 0, dim=1, return_inverse=True)
    answer = torch.zeros(len(penalties), features.shape[1], target.shape[1], dtype=features.dtype)
    for number, rows in enumerate(patterns.T):
        steps = group == number
        if not rows.any():
            continue
        z, y, v = features[rows], target[rows][:, steps], weight[rows][:, steps][:, :1]
        gram, cross = z.T @ (v * z), z.T @ (v * y)
        free = torch.ones(len(gram), dtype=gram.dtype)
        free[-1] = 0
        mean = gram.diagonal()[:-1].mean().clamp_min(1e-12)
        for place, penalty in enumerate(penalties):
            root = torch.linalg.cholesky(gram + torch.diag(penalty * mean * free + 1e-9 * mean))
            answer[place][:, steps] = torch.cholesky_solve(cross, root)
    return answer


def _set_steps(head: ForecastHead, seen: _States, levels: tuple[float, ...]) -> None:
    """The quantiles' distances from the point, the same for all windows: those of the errors where it was solved."""
    if head.steps is None:
        return
    fitted = seen.features(head).float() @ torch.cat([head.point.weight.T, head.point.bias[None]])
    error = torch.where(seen.weight > 0, seen.target - fitted, math.nan)
    ranks = torch.tensor(levels)
    sizes = torch.nanquantile(error, ranks, dim=0).abs().nan_to_num(1.0).T  # step, level
    below, above = sizes[:, : head.below], sizes[:, head.below :]
    apart = torch.cat([below - _shifted(below.flip(1)).flip(1), above - _shifted(above)], 1).clamp_min(1e-3)
    head.steps.weight.zero_()
    head.steps.bias.copy_(torch.log(torch.expm1(apart)).flatten())


def _shifted(sizes: Float[Tensor, "step level"]) -> Float[Tensor, "step level"]:
    """What the next quantile towards the point is away from it."""
    return torch.nn.functional.pad(sizes, (1, 0))[:, :-1]
