"""How anything is fitted, weighed, calibrated, saved and loaded, for all families."""
