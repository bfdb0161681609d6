"""Facades: they translate what users hold; they hold no mathematics."""
