"""sktime's whole conformance suite for every estimator of `seqreprog.sktime`, with the number of checks that pass.

Run it: python tests/contracts/sktime_suite.py [ReprogForecaster ...]
"""

from __future__ import annotations

import sys
import time
import warnings
from importlib.metadata import version

from sktime.utils.estimator_checks import check_estimator

import seqreprog.sktime


def main() -> int:
    """Prints a line per estimator and one per check that fails; answers how many failed."""
    warnings.simplefilter("ignore")
    failed = 0
    for name in sys.argv[1:] or seqreprog.sktime.__all__:
        start = time.perf_counter()
        found = check_estimator(getattr(seqreprog.sktime, name), raise_exceptions=False, verbose=False)
        bad = {check: error for check, error in found.items() if error != "PASSED"}
        passed, seconds = len(found) - len(bad), time.perf_counter() - start
        print(
            f"{name}: {passed} of {len(found)} checks of sktime {version('sktime')} pass ({seconds:.0f} s)", flush=True
        )
        for check, error in bad.items():
            print(f"  {check}: {type(error).__name__}: {error}")
        failed += len(bad)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
