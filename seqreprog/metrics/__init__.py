"""Textbook formulas: errors of forecasts, scores of labels and values."""
