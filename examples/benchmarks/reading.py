"""What reading a CSV of a million rows costs: CPU seconds of one checkout beside another's, in turns, as JSON.

Run it: python examples/benchmarks/reading.py --old ../old-checkout --rounds 9 --json docs/results/reading.json

Each reading is a process of its own, which reads the file (`read`) and puts its rows in order (`order`); the ratio is
that of the medians of both together. `--old` is a checkout of an earlier commit, `--old-path` what its libraries need
to be found, if anything.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROWS, SERIES = 1_000_000, 1_000
REPO = Path(__file__).resolve().parents[2]
READ = """
import json, sys, time
from seqreprog.data.files import read_frame_file
from seqreprog.data.frames import read_table
start = time.process_time()
frame = read_frame_file(sys.argv[1])
read = time.process_time()
table = read_table(frame)
print(json.dumps({"read": read - start, "order": time.process_time() - read, "series": len(table.ids)}))
"""


def write_files(folder: Path) -> dict[str, Path]:
    """Files that differ in their ids alone: words, numbers, and numbers with zeros before them."""
    steps = ROWS // SERIES
    times = pd.date_range("2020-01-01", periods=steps, freq="h").strftime("%Y-%m-%d %H:%M:%S")
    values = np.random.default_rng(0).normal(size=ROWS).round(4)
    found = {}
    for name, pattern in (("words", "s{:04d}"), ("numbers", "1{:04d}"), ("codes", "{:05d}")):
        ids = [pattern.format(place) for place in range(SERIES)]
        frame = {"unique_id": np.repeat(ids, steps), "ds": np.tile(times, SERIES), "y": values}
        found[name] = folder / f"{name}.csv"
        pd.DataFrame(frame).to_csv(found[name], index=False)
    return found


def measured(checkout: Path, beside: str, file: Path) -> dict[str, float]:
    places = [beside, str(checkout)] if beside else [str(checkout)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", READ, str(file)], env=environment, capture_output=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, required=True, help="a checkout of the commit to compare with")
    parser.add_argument("--old-path", default="", help="folder of libraries that it needs before the installed ones")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    runs: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder))
        for _ in range(options.rounds):
            for name, file in files.items():
                for side, place, beside in (("old", options.old, options.old_path), ("new", REPO, "")):
                    runs.setdefault(name, {}).setdefault(side, []).append(measured(place, beside, file))
    found = {}
    for name, sides in runs.items():
        total = {side: statistics.median(run["read"] + run["order"] for run in each) for side, each in sides.items()}
        parts = {side: {part: statistics.median(run[part] for run in each) for part in ("read", "order")}
                 for side, each in sides.items()}  # fmt: skip
        found[name] = {"seconds": total, "parts": parts, "ratio": total["new"] / total["old"]}
    shown = json.dumps({"rows": ROWS, "series": SERIES, "rounds": options.rounds, "files": found}, indent=2)
    print(shown)
    if options.json:
        options.json.write_text(shown + "\n")


if __name__ == "__main__":
    main()
