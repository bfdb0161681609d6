"""Recipes in TOML: a forecaster, a protocol, and the figures that come out.

The long-horizon protocol (Zhou et al. 2021; Nie et al. 2023): every channel a series, standardised by its training
rows, fixed borders, *all* test windows, MSE and MAE on standardised values. Nothing is chosen on the test windows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ..config.forecast import ForecastConfig, forecast_config
from ..data.rows import read_policy
from ..data.windows import Panel, Windows, borders_in_time
from ..errors import ConfigError, DataError
from ..fit.fitted_forecast import Blend
from ..metrics.forecast import mae, mse, squared_error
from ..sources.language import load_backbone
from ..tasks.forecast import fit_blend
from .backtest import backtest, cutoffs_of, paired_over_cutoffs, ridge_forecast, scorecard

NAMES = ("id_col", "time_col", "target_col")


@dataclass(frozen=True)
class Protocol:
    """How a recipe is judged.

    Attributes:
        kind: `"long-horizon"` (fixed borders) or `"rolling"` (the last `windows` origins, `step` apart, fitted once).
        borders: rows at which training, validation and test end.
        windows: origins per series.
        step: steps between origins.
        season: of the seasonal naive and of MASE.
        seeds: one fit each.
        id_col, time_col, target_col: the columns of the file; the usual names by default.
        fill_gaps: take missing rows for missing values.
        duplicates: what counts of several rows for one time of a series.
    """

    kind: str
    borders: tuple[int, ...] = ()
    windows: int = 1
    step: int = 1
    season: int = 1
    seeds: tuple[int, ...] = (0,)
    id_col: str | None = None
    time_col: str | None = None
    target_col: str | None = None
    fill_gaps: bool = False
    duplicates: object = "error"

    def __post_init__(self) -> None:
        if self.kind not in ("long-horizon", "rolling"):
            raise ConfigError(f"protocol kind must be 'long-horizon' or 'rolling'; got {self.kind!r}")
        if least := [name for name in ("windows", "step", "season") if getattr(self, name) < 1]:
            raise ConfigError(f"{least[0]} must be a whole number from 1 on; got {getattr(self, least[0])}")
        read_policy(self.duplicates)
        if not self.seeds:
            raise ConfigError("seeds must list whole numbers, one fit each; got []")
        rising = min(self.borders, default=0) > 0 and list(self.borders) == sorted(set(self.borders))
        if self.kind == "long-horizon" and (len(self.borders) != 3 or not rising):
            raise ConfigError(f"borders must be three rising rows (train, validation, test); got {list(self.borders)}")

    @property
    def columns(self) -> dict[str, Any]:
        """How the file is read, for `read_table`."""
        return {name: getattr(self, name) for name in (*NAMES, "fill_gaps", "duplicates")}


def read_recipe(values: dict[str, Any]) -> tuple[ForecastConfig, Protocol]:
    """A recipe's two tables, `[forecaster]` and `[protocol]`."""
    known = {item.name for item in fields(Protocol)}
    tables = {"forecaster", "protocol"}
    if set(values) != tables:
        raise ConfigError(f"a recipe has the tables {sorted(tables)}; got {sorted(values)}")
    if flat := [name for name in sorted(tables) if not isinstance(values[name], dict)]:
        raise ConfigError(f"[{flat[0]}] must be a table; got {values[flat[0]]!r}")
    if unknown := sorted(set(values["protocol"]) - known):
        raise ConfigError(f"[protocol] has no option {unknown[0]!r}; it has {sorted(known)}")
    for table, name in (("forecaster", "horizon"), ("protocol", "kind")):
        if name not in values[table]:
            raise ConfigError(f"[{table}] needs {name} = ...; it has {sorted(values[table])}")
    for name, value in values["protocol"].items():
        if name in ("borders", "seeds") and not (isinstance(value, list) and all(map(_whole, value))):
            raise ConfigError(f"{name} must list whole numbers; got {value!r}")
        if name in ("windows", "step", "season") and not _whole(value):
            raise ConfigError(f"{name} must be a whole number from 1 on; got {value!r}")
        if name in NAMES and not isinstance(value, str):
            raise ConfigError(f"{name} must name a column; got {value!r}")
        if name == "fill_gaps" and not isinstance(value, bool):
            raise ConfigError(f"fill_gaps must be true or false; got {value!r}")
    lists: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values["protocol"].items()
    }
    return forecast_config(values["forecaster"]), Protocol(**lists)


def run_recipe(
    config: ForecastConfig,
    protocol: Protocol,
    panel: Panel,
    names: Sequence[object],
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Fits once per seed and reports every seed, their mean and their spread.

    Args:
        config: the forecaster.
        protocol: how it is judged.
        panel: the series, of equal length for the long-horizon protocol.
        names: of the series.
        report: is told when a seed is done.
    """
    runs = []
    for seed in protocol.seeds:
        start = time.perf_counter()
        run = _RUNS[protocol.kind](replace(config, seed=seed), protocol, panel, names)
        runs.append({"seed": seed, **run, "seconds": time.perf_counter() - start})
        report(f"seed {seed} done in {runs[-1]['seconds']:.0f} s: {run['verdict']}")
    return {"protocol": protocol.kind, "runs": runs, "over_seeds": _over_seeds([run["models"] for run in runs])}


def _long_horizon(config: ForecastConfig, protocol: Protocol, panel: Panel, names: Sequence[object]) -> dict[str, Any]:
    if (panel.lengths < protocol.borders[-1]).any():
        raise DataError(
            f"the protocol needs {protocol.borders[-1]} rows of every series; "
            f"{str(names[int(panel.lengths.argmin())])!r} has {panel.lengths.min()}"
        )
    panel = standardise(panel.until(np.full(len(panel), protocol.borders[-1])), protocol.borders[0])
    split, test = borders_in_time(panel, config.context, config.horizon, protocol.borders)  # type: ignore[arg-type]
    test = test.informative()  # nothing can be forecast from, or compared with, missing values alone
    for part, windows in (("training", split.train), ("test", test)):
        if not len(windows):
            raise ConfigError(
                f"borders {list(protocol.borders)} leave no {part} window: context {config.context} and horizon "
                f"{config.horizon} do not fit. Move the borders or shorten them"
            )
    scales = np.ones(len(panel))
    backbone = load_backbone(config.backbone, config.layers)
    start = time.perf_counter()
    blend, summary = fit_blend(config, backbone, split, scales)
    fitted = time.perf_counter() - start
    models = {
        "seqreprog": blend.forecast(test, scales)[0],
        "ridge": ridge_forecast(blend, test, scales),
    }
    if config.base == "ridge":
        models["weight forced to 0"] = replace_weight(blend, 0.0).forecast(test, scales)[0]
    targets = test.targets()
    errors = {name: squared_error(targets, forecast) for name, forecast in models.items()}
    return {
        "models": {name: {"MSE": mse(targets, each), "MAE": mae(targets, each)} for name, each in models.items()},
        "against_ridge": _paired(test, errors["seqreprog"], errors["ridge"]),
        "test_windows": len(test),
        "fit_seconds": fitted,
        "weight": blend.weight,
        "verdict": summary.verdict,
        "validation": summary.errors,
        "summary": str(summary),
    }


def _rolling(config: ForecastConfig, protocol: Protocol, panel: Panel, names: Sequence[object]) -> dict[str, Any]:
    backbone = load_backbone(config.backbone, config.layers)
    cutoffs = cutoffs_of(config.horizon, n_windows=protocol.windows, step_size=protocol.step)
    found = backtest(config, backbone, panel, names, cutoffs)
    return {**scorecard(found, config, protocol.season), "summary": str(found.summary)}


_RUNS = {"long-horizon": _long_horizon, "rolling": _rolling}


def replace_weight(blend: Blend, weight: float) -> Blend:
    """The same blend with another share of the language model."""
    return replace(blend, weight=weight)


def standardise(panel: Panel, rows: int) -> Panel:
    """Each series by the mean and standard deviation of its first `rows` values."""
    first = panel.until(np.full(len(panel), rows))
    owner = np.repeat(np.arange(len(first)), first.lengths)
    seen = np.isfinite(first.values)
    total = np.bincount(owner[seen], weights=first.values[seen], minlength=len(first))
    mean = total / np.maximum(np.bincount(owner[seen], minlength=len(first)), 1)
    centred = (panel.values - np.repeat(mean, panel.lengths)) / np.repeat(first.scales(), panel.lengths)
    return replace(panel, values=centred)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _paired(
    windows: Windows, ours: Float[np.ndarray, "window horizon"], theirs: Float[np.ndarray, "window horizon"]
) -> dict[str, float]:
    """Windows one step apart overlap for a whole horizon, so a block spans one."""
    return paired_over_cutoffs(windows, ours, theirs, block=windows.horizon)._asdict()


def _over_seeds(models: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: {
            metric: {
                "mean": float(np.mean([run[name][metric] for run in models])),
                "std": float(np.std([run[name][metric] for run in models])),
            }
            for metric in models[0][name]
        }
        for name in models[0]
    }
