"""What a training step and a forecast cost, over the limit: the frozen model's own pass over the patches alone.

Run it: python examples/benchmarks/speed.py [--quick] [--json out.json] [--plot out.png] [--rounds 5] [--threads 1]

The limit of training is the frozen model's forward pass and input-gradient on the patch tokens, that of inference its
forward pass: same attention, precision, batch and threads, nothing before or after. Everything is measured in one
process, the limit in turn with each form, by processor time (wall time on a GPU); a ratio is the median over the rounds
and its spread their interquartile range. GPT-2 has 6 layers of width 768 and random weights (they do not change the
cost); its byte-level BPE is trained here, on the sources of Python's standard library.

Forms: `paper` maps the whole vocabulary to 1,000 prototypes and writes the statistics as a sentence; `default` has
direct prototypes and short statistics; `no_statistics` leaves those out. MiniLM's default form is also measured in both
readings of the prompt, and in `readings` with static text of several lengths. `growth` is the default form
(`vocabulary`: the paper's) of a 2-layer GPT-2. Parts that the JSON file has already are not measured again.
"""

import argparse
import gc
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from speed_parts.cases import DEFAULT, FORMS, Case, Shape, random_gpt2, resident
from speed_parts.clock import saved_bytes
from speed_parts.figure import draw

from seqreprog.sources.language import Backbone, load_backbone


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    shape: Shape
    gpt2: tuple[int, int, int]  # layers, width, words
    rounds: int
    growth: dict[str, tuple[int, ...]]
    texts: tuple[int, ...]  # words of static text


FULL = Size(
    shape=Shape(batch=24, context=512, horizon=96, patch=16, stride=8),
    gpt2=(6, 768, 50_257),
    rounds=5,
    growth={
        "batch": (1, 4, 16, 64),
        "prompt": (0, 50, 200, 400),
        "horizon": (24, 96, 336, 720),
        "series": (24, 240, 960),
        "vocabulary": (5_000, 15_000, 50_257),
        "layers": (1, 2, 4, 6),
    },
    texts=(0, 25, 50, 100, 200, 300),
)
QUICK = Size(
    shape=Shape(batch=4, context=128, horizon=24, patch=16, stride=8),
    gpt2=(2, 64, 1_000),
    rounds=2,
    growth={"batch": (1, 4), "series": (4, 8), "layers": (1, 2)},
    texts=(25,),
)


def measure(cases: dict[str, Case], rounds: int) -> dict:
    """Training, inference and saved bytes of some forms of one backbone, each over its limit."""
    limit = next(iter(cases.values()))
    least = saved_bytes(limit.limit_forward_for_training, limit.frozen)
    saved = {name: saved_bytes(case.forward_for_training, case.frozen) for name, case in cases.items()}
    return {
        "train": {name: case.train(rounds) for name, case in cases.items()},
        "infer": {name: case.infer(rounds) for name, case in cases.items()},
        "saved": {
            name: {"ratio": round(each / least, 3), "bytes": each, "spread": 0.0} for name, each in saved.items()
        },
        "tokens": {name: case.tokens for name, case in cases.items()},
        "memory": {name: case.peak() for name, case in cases.items()} if limit.on_gpu else {},
    }


def forms(backbone: Backbone, shape: Shape, device: str, names: tuple[str, ...] = FORMS) -> dict[str, Case]:
    return {name: Case(backbone, shape, name, device) for name in names}


def growth(size: Size, place: Path, device: str) -> dict:
    """How the default form's ratios move when one thing grows (the paper's form for the vocabulary)."""
    found: dict = {}
    for what, values in size.growth.items():
        found[what] = {}
        for value in values:
            layers, width, words = 2, size.gpt2[1], size.gpt2[2]
            shape, form = replace(size.shape, batch=min(size.shape.batch, 8)), DEFAULT
            match what:
                case "layers":
                    layers = value
                case "vocabulary":
                    words, form = value, "paper"
                case _:
                    shape = replace(shape, **{what: value})
            backbone = load_backbone(random_gpt2(place, layers, width, words))
            gc.collect()  # models that trained hold on to themselves
            measured = measure(forms(backbone, shape, device, (form,)), rounds=3)
            found[what][value] = {key: measured[key][form] for key in ("train", "infer", "saved", "tokens")}
    return found


def readings(backbone: Backbone, size: Size, rounds: int) -> dict:
    """The prefix reading's training step over the bidirectional one's, by words of static text."""
    found = {}
    for words in size.texts:
        cases = forms(backbone, replace(size.shape, prompt=words), "cpu", ("bidirectional", "prefix"))
        ratios = {name: case.train(rounds) for name, case in cases.items()}
        share = ratios["prefix"]["ratio"] / ratios["bidirectional"]["ratio"]
        found[words] = {
            "static": cases["prefix"].tokens["static"],
            **ratios,
            "prefix_over_bidirectional": round(share, 3),
        }
    return found


def on_gpu(backbones: dict, shape: Shape, rounds: int) -> dict:
    """The same in bf16 on a GPU, with the frozen model compiled and not."""
    found: dict = {}
    for name, backbone in backbones.items():
        for compiled in (False, True):
            with resident(backbone, compiled):
                found.setdefault(name, {})["compiled" if compiled else "eager"] = measure(
                    forms(backbone, replace(shape, precision="bf16"), "cuda"), rounds
                )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: whether it runs, not what it costs")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    size = QUICK if given.quick else FULL
    rounds = given.rounds or size.rounds
    settings = {**asdict(size.shape), "rounds": rounds, "threads": given.threads, "quick": given.quick}
    found = json.loads(given.json.read_text()) if given.json and given.json.exists() else {}
    if found and found["settings"] != settings:
        parser.error(f"{given.json} was measured with {found['settings']}, not with {settings}; name another file")
    found["settings"] = settings
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        gpt2, minilm = load_backbone(random_gpt2(place, *size.gpt2)), load_backbone("minilm")
        for name, part in {
            "gpt2": lambda: measure(forms(gpt2, size.shape, "cpu"), rounds),
            "minilm": lambda: measure(forms(minilm, size.shape, "cpu", (*FORMS, "bidirectional", "prefix")), rounds),
            "readings": lambda: readings(minilm, size, rounds),
            "growth": lambda: growth(size, place, "cpu"),
            "gpu": lambda: on_gpu({"gpt2": gpt2, "minilm": minilm}, size.shape, rounds),
        }.items():
            if name in found or (name == "gpu" and not torch.cuda.is_available()):
                continue
            found[name] = {"torch": torch.__version__, **part()}
            if given.json:
                given.json.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    if given.plot:
        draw(found, given.plot)


if __name__ == "__main__":
    main()
