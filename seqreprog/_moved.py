"""Modules that stood elsewhere in release 0.1, so that old pickles and imports find them: with a DeprecationWarning."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "admission": "fit.admission",
    "backbone": "sources.language",
    "batching": "batches.stream",
    "blend": "fit.fitted_forecast",
    "build_sequences": "build.sequence",
    "build_series": "build.series",
    "calibrate": "fit.calibration",
    "canary": "fit.canary",
    "capabilities": "sources.capabilities",
    "checkpoint": "fit.artifact",
    "chem": "data.chem",
    "cli_demo": "cli.demo",
    "cli_forecasts": "cli.forecasts",
    "cli_options": "cli.options",
    "cli_sequences": "cli.sequences",
    "clock": "fit.clock",
    "console": "cli.console",
    "cross_fitting": "fit.cross_fit",
    "evaluation.baselines": "baselines.seasonal_naive",
    "evaluation.class_metrics": "metrics.labels",
    "evaluation.metrics": "metrics.forecast",
    "fitting": "tasks.forecast",
    "forecaster": "estimators.forecaster",
    "infill_probe": "fit.probe_infill",
    "infill_summary": "tasks.infill_summary",
    "infiller": "estimators.infiller",
    "infilling": "tasks.infill",
    "linear": "baselines.ridge",
    "memo": "sources.memo",
    "ngram": "baselines.ngram",
    "normal_equations": "baselines.normal_equations",
    "objectives": "fit.objectives",
    "pipe": "estimators.pipe",
    "prefix": "sources.prefix",
    "probe": "fit.probe_forecast",
    "regressors": "baselines.regressors",
    "runs": "baselines.masked_spans",
    "samples": "batches.windows",
    "sentences": "sources.sentences",
    "sequence_blend": "fit.fitted_sequence",
    "sequence_config": "config.sequence",
    "sequence_estimator": "estimators.sequence_estimator",
    "sequence_fitting": "tasks.sequence",
    "sequence_judging": "fit.judging",
    "sequence_problem": "fit.problem",
    "sequence_scores": "estimators.sequence_scores",
    "sequence_summary": "tasks.sequence_summary",
    "sequences": "estimators.sequences",
    "series_blend": "fit.fitted_series",
    "series_config": "config.series",
    "series_fitting": "tasks.series",
    "series_model": "estimators.series",
    "series_probe": "fit.probe_series",
    "series_problem": "tasks.series_problem",
    "series_samples": "batches.series",
    "series_summary": "tasks.series_summary",
    "solvers": "baselines.solvers",
    "symbol_probe": "fit.probe_sequence",
    "symbol_samples": "batches.symbols",
    "tiny": "sources.tiny",
    "train": "fit.gradient",
}


class MovedModules(MetaPathFinder, Loader):
    """Answers for the old name of a module with the module itself."""

    def __init__(self) -> None:
        self.own: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == __package__ and name in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = f"{__package__}.{MOVED[spec.name.partition('.')[2]]}"
        warnings.warn(f"{spec.name} is {new} now; this name goes with release 0.3", DeprecationWarning, stacklevel=2)
        module = import_module(new)
        self.own[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own[module.__spec__.name]  # type: ignore[union-attr]  # it holds the old name now


def install() -> None:
    """Once for each process, after all other finders: a module that is there wins."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
