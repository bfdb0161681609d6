"""The probe: a quick first answer. Nothing is trained by gradient; the head is solved in closed form.

    h_i = f_S( h_theta(s_i x_i) ),   z_i = P (h_i - m),
    W, b = argmin sum_i v_i |s_i y_i - W z_i - b|^2 + penalty |W|^2

The input map stays as it was drawn and the frozen model runs once over the windows; `P` are the principal directions of
its hidden states, each divided by its spread (by its fourth root where a text is read), `m` is their mean in each slot,
`v_i` a window's weight in the loss. `s_i` is 1 or, for a random half of the windows, -1 (they are read upside down;
with `Training(mirror=False)`, beside covariates, or where windows are fewer than the head's inputs, for none). Source:
linear probing (Alain and Bengio 2017, section 3), behind a random input map (Rahimi and Recht 2008), for a forecast.

Nothing here is trained to get a window's content through the frozen model, so it starts where that loses least: the
input map holds patches close together (`reach` of `PrototypeMap`), where the whole is nearly linear in the window, and
the head reads many more directions than a trained one, which finds its own few.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm.auto import tqdm

from ..batches.example import Example, to_device
from ..batches.stream import in_batches
from ..config.forecast import ForecastConfig, Loss
from ..data.windows import Windows
from ..errors import TrainingError
from ..outputs.heads import ForecastHead
from ..outputs.losses import point_loss
from ..sources.process import limited_threads
from .fitted_forecast import Blend
from .gradient import TrainingLog, device_of

WINDOWS = 32_768  # to solve the head on at most, one drawn from each of as many equal stretches
TOKENS = 400_000  # to read in all: fewer windows where each has many
FEW_WINDOWS = 8192  # still read where tokens are many, and at most where targets have gaps
FEATURES = 2048  # of a window, over all its patches
EACH = 8  # whole windows for each of them at least, or the head would learn noise
PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0)  # relative to the mean diagonal of the Gram matrix
DEFAULT_PENALTY = 0.1  # where nothing is held out
IN_MEMORY = 256 * 2**20  # bytes of hidden states from which they go to disk
CHUNK = 512  # windows looked at together, so that states on disk stay there
ROWS = 4096  # windows of one product, in the precision of the states; products are summed in float64
GRADED = 0.25  # power of the spread beside a text, where all directions are read and few windows choose among them
FLOOR = 1e-6  # of the largest variance: a direction below is mostly rounding

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

    def features(
        self, head: ForecastHead, middle: Float[Tensor, "length width"]
    ) -> Float[Tensor, "window feature_and_one"]:
        """The `z` of each window, flat as the head reads it, and a 1 for the intercept.

        Slots differ far more than windows do within one, so `middle` goes first: what is left keeps its digits.
        """
        found = torch.ones(len(self.hidden), len(middle) * len(head.project.weight) + 1)
        for number, part in enumerate(self.chunks()):
            rows = found[number * CHUNK : (number + 1) * CHUNK, :-1]
            rows.copy_(((part - middle) @ head.project.weight.T).flatten(1))
        return found


def widened(config: ForecastConfig, width: int, train: Windows) -> ForecastConfig:
    """The config with as many `features` as the probe's head reads: at least those asked for, `width` at most.

    More than asked for only where windows are many, or where a text is read: what tells sentences apart lies in many
    directions. Where most of them miss a target every step has least squares of its own, and the head keeps the size
    asked for.
    """
    if not _mostly_whole(train):
        return config
    most = min(width, FEATURES // config.slots)
    if config.covariates.static is None:
        most = min(most, int(_whole(train).mean() * min(len(train), WINDOWS)) // (EACH * config.slots))
    features = max(config.adapter.features, most)
    return replace(config, adapter=replace(config.adapter, features=features))


@torch.no_grad()
def probe(
    blend: Blend, train: Windows, judged: Windows, series_scale: Float[np.ndarray, " series"]
) -> tuple[TrainingLog, Hidden]:
    """Solves the head of `blend.model` in place; one forward pass over the windows in all.

    Args:
        blend: its input map and frozen model stay as they are.
        train: windows to solve the head on; at most `WINDOWS` are used, fewer where each has many tokens, where
            targets have gaps, and where the time budget ends.
        judged: windows to choose the penalty by; where nothing is held out, `train` itself.
        series_scale: of each series of the panel.

    Returns:
        The log, and the hidden states of `judged`, so that what follows need not run the frozen model again.

    Raises:
        TrainingError: hidden states or targets are not finite.
    """
    start, training, model = time.perf_counter(), blend.config.training, blend.model
    with limited_threads(training.threads):
        model.to(device_of(blend.config.device)).eval()
        held_out = _run(blend, judged, series_scale, None)
        seen = held_out
        if train is not judged:
            count = _count(blend, train)
            order = np.random.default_rng(blend.config.seed).permutation(min(len(train), count))
            stop = None if training.time_budget is None else start + training.time_budget
            inputs = cast(ForecastHead, model.output_map).point.in_features
            mirror = blend.config.mirrors and len(order) >= inputs  # few windows need their signs
            seen = _run(blend, train.thin(count).take(order), series_scale, stop, mirror=mirror)
        place, head = next(model.output_map.parameters()).device, cast(ForecastHead, model.output_map.cpu())
        power = 1.0 if blend.config.covariates.static is None else GRADED
        middle = _principal(head, seen, power)
        features = seen.features(head, middle)
        weights, error = _solve(head, middle, features, seen, held_out, blend.config.loss)
        _set_steps(head, features @ weights.float(), seen, blend.config.quantile_levels)
        head.to(place)
    seconds = time.perf_counter() - start
    log = TrainingLog(looks=[(0, seconds, error)], seconds=seconds, stopped=f"solved on {len(seen.hidden)} windows")
    return log, held_out.hidden


def _mostly_whole(windows: Windows) -> bool:
    """Whether at least half of the windows have all their targets."""
    return bool(_whole(windows).mean() >= 0.5)


def _whole(windows: Windows) -> Bool[np.ndarray, " window"]:
    """Which of at most `FEW_WINDOWS` windows have all their targets."""
    return np.isfinite(windows.thin(FEW_WINDOWS).targets()).all(1)


def _count(blend: Blend, train: Windows) -> int:
    """How many windows to read at most."""
    if not _mostly_whole(train):
        return min(WINDOWS, FEW_WINDOWS)
    return min(WINDOWS, max(FEW_WINDOWS, TOKENS // blend.tokens))


def _run(blend: Blend, windows: Windows, series_scale: np.ndarray, stop: float | None, mirror: bool = False) -> _States:
    """The one pass, over one batch at least, and until the clock says `stop`; with `mirror`, half upside down."""
    signs = np.random.default_rng(blend.config.seed).choice([-1.0, 1.0], (len(windows), 1)) if mirror else None
    device = next(blend.model.input_map.parameters()).device

    def read(where: slice) -> tuple[np.ndarray, Example]:
        sample = blend.framing.sample(windows.take(where), series_scale, 1.0 if signs is None else signs[where])
        return blend.model.hidden(to_device(sample.batch, device)).float().cpu().numpy(), sample

    samples: list[Example] = []
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


def _principal(head: ForecastHead, seen: _States, power: float) -> Float[Tensor, "length width"]:
    """P: the directions along which hidden states of one slot differ most between windows, over spread ** power.

    With power 1 each counts the same to the penalty; below, those that differ most are penalised least. Returns the
    mean state of each slot.
    """
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
    spread = roots[-count:].flip(0).clamp_min(FLOOR * roots[-1].clamp_min(1e-30)).sqrt()
    basis = basis[:, -count:].flip(1) / spread**power
    basis = torch.where(basis.sum(0) < 0, -basis, basis)  # an eigenvector's sign is arbitrary
    head.project.weight.zero_()
    head.project.weight[:count] = basis.T.float()
    head.project.bias.zero_()
    head.project.bias[:count] = -(slots.mean(0) @ basis).float()
    return slots.float()


def _solve(
    head: ForecastHead,
    middle: Float[Tensor, "length width"],
    features: Float[Tensor, "window feature_and_one"],
    seen: _States,
    held_out: _States,
    loss: Loss,
) -> tuple[Float[Tensor, "feature_and_one horizon"], float]:
    """W and b, into the head; returned for `features` as they are, with the least validation error of all penalties."""
    choices = PENALTIES if held_out is not seen else (DEFAULT_PENALTY,)
    found = _ridge(features, seen.target, seen.weight, choices)
    looked = held_out.features(head, middle).double()
    truth, weight = held_out.target[:, None].double(), held_out.weight[:, None].double()
    errors = [point_loss((looked @ each)[:, None], truth, weight, loss) for each in found]
    best = int(torch.stack(errors).argmin())
    head.point.weight.copy_(found[best, :-1].T)
    offset = (middle.double() @ head.project.weight.double().T + head.project.bias.double()).flatten()  # the head's z
    head.point.bias.copy_(found[best, -1] - offset @ found[best, :-1])
    share = (held_out.weight > 0).double().mean().clamp_min(1e-12)
    return found[best], float(errors[best] / share)


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
    observed = weight > 0
    whole = observed.all(1)
    if 2 * whole.sum() >= len(whole):
        observed = whole[:, None].expand_as(observed)
    patterns, group = torch.unique(observed, dim=1, return_inverse=True)
    answer = torch.zeros(len(penalties), features.shape[1], target.shape[1], dtype=torch.float64)
    for number, rows in enumerate(patterns.T):
        steps = group == number
        if not rows.any():
            continue
        gram, cross = _moments(features, target[:, steps], weight[:, steps][:, :1], rows)
        free = torch.ones(len(gram), dtype=gram.dtype)
        free[-1] = 0
        mean = gram.diagonal()[:-1].mean().clamp_min(1e-12)
        for place, penalty in enumerate(penalties):
            root = torch.linalg.cholesky(gram + torch.diag(penalty * mean * free + 1e-9 * mean))
            answer[place][:, steps] = torch.cholesky_solve(cross, root)
    return answer


def _moments(
    features: Float[Tensor, "window feature"],
    target: Float[Tensor, "window step"],
    weight: Float[Tensor, "window 1"],
    chosen: Bool[Tensor, " window"],
) -> tuple[Float[Tensor, "feature feature"], Float[Tensor, "feature step"]]:
    """The Gram matrix and the cross products of the chosen windows."""
    gram = torch.zeros(2 * [features.shape[1]], dtype=torch.float64)
    cross = torch.zeros(features.shape[1], target.shape[1], dtype=torch.float64)
    for rows in chosen.nonzero()[:, 0].split(ROWS):
        z = features[rows]
        weighted = (weight[rows] * z).T
        gram += weighted @ z
        cross += weighted @ target[rows]
    return gram, cross


def _set_steps(
    head: ForecastHead, fitted: Float[Tensor, "window horizon"], seen: _States, levels: tuple[float, ...]
) -> None:
    """The quantiles' distances from the point, the same for all windows: those of the errors where it was solved."""
    if head.steps is None:
        return
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
