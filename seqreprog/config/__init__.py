"""Options as frozen dataclasses that go to and from TOML; modules never see them. No torch."""

from __future__ import annotations

from .forecast import Adapter, Covariates, ForecastConfig, Prompt, Training
from .sequence import SequenceConfig, SequenceOptions
from .series import SeriesConfig

__all__ = [
    "Adapter",
    "Covariates",
    "ForecastConfig",
    "Prompt",
    "SequenceConfig",
    "SequenceOptions",
    "SeriesConfig",
    "Training",
]
