"""Records to windows, in numpy; pandas in `frames.py` and its `columns.py`, `steps.py` and `files.py` alone."""
