"""Windows of 512 + 96 steps per second on one core: cut out alone, and with scaling, weights and the move to torch.

Run it: python examples/benchmarks/data_loading.py [--series 100] [--length 2000] [--rounds 7]
`take` is `Windows.inputs` and `Windows.targets`; `batch` is what training asks `WindowDataset` for, without a prompt.
`gaps` is the same with 1 % of the values missing, `edges` with every context reaching back before its series.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch

from seqreprog.batches.windows import Framing, WindowDataset
from seqreprog.data.windows import Panel, Windows, windows_between
from seqreprog.inputs.prompt import PromptWriter

CONTEXT, HORIZON = 512, 96


def rate(work: Callable[[np.ndarray], object], windows: Windows, batch: int, rounds: int) -> dict:
    """Windows per second of process time over shuffled batches: the median and the best of some rounds."""
    order = np.random.default_rng(0).permutation(len(windows))[: 64 * batch]
    found = []
    for _ in range(rounds):
        start = time.process_time()
        for place in range(0, len(order), batch):
            work(order[place : place + batch])
        found.append(len(order) / (time.process_time() - start))
    return {"median": round(float(np.median(found))), "best": round(max(found))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--length", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    values = rng.normal(size=given.series * given.length).cumsum()
    offsets = np.arange(given.series + 1) * given.length
    gaps = np.where(rng.random(len(values)) < 0.01, np.nan, values)
    framing = Framing(
        scaling="instance",
        writer=PromptWriter(static=[], parts=(), tokenise=lambda texts: [[] for _ in texts]),
        power=2,
    )
    found = {}
    for name, data, start in (("whole", values, CONTEXT), ("gaps", gaps, CONTEXT), ("edges", values, 2)):
        panel = Panel(data, offsets)
        stop = panel.lengths if name != "edges" else np.full(given.series, CONTEXT)
        windows = windows_between(panel, CONTEXT, HORIZON, start=np.full(given.series, start), stop=stop)
        dataset = WindowDataset(windows, panel.scales(), framing)

        def take(index: np.ndarray, windows: Windows = windows) -> object:
            part = windows.take(index)
            return part.inputs(), part.targets()

        found[name] = {
            "take": rate(take, windows, given.batch, given.rounds),
            "batch": rate(dataset.__getitems__, windows, given.batch, given.rounds),
        }
    print(json.dumps({"windows_per_second": found, "context": CONTEXT, "horizon": HORIZON}, indent=2))


if __name__ == "__main__":
    main()
