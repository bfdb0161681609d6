"""Records to windows and symbols, in numpy; pandas in `frames.py`, `columns.py`, `steps.py` and `files.py` alone."""
