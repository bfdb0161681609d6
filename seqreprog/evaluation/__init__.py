"""Honest numbers: textbook metrics, baselines, backtests and ablations on windows that training never saw."""
