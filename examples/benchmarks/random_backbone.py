"""Does pretraining on text matter? A recipe's figures with the same architecture, its weights drawn at random.

Run it: python examples/benchmarks/random_backbone.py configs/etth1_96_pure.toml ETTh1.csv [--json out.json]
Everything but the backbone's weights is the recipe's: seeds, windows, steps, scaling (Tan et al. 2024, 2406.16964).
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from transformers import AutoModel

from seqreprog.config.fields import read_toml
from seqreprog.data.files import read_frame_file
from seqreprog.data.frames import read_table
from seqreprog.evaluation.protocol import read_recipe, run_recipe
from seqreprog.sources.language import load_backbone


def random_copy(name: str, layers: int | None, place: Path, seed: int) -> str:
    """A directory with the backbone's architecture and tokeniser, and weights drawn anew."""
    pretrained = load_backbone(name, layers)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        AutoModel.from_config(pretrained.model.config).save_pretrained(place)
    pretrained.tokenizer.save_pretrained(place)
    return str(place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    config, protocol = read_recipe(read_toml(options.config))
    table = read_table(read_frame_file(options.data))
    with tempfile.TemporaryDirectory() as place:
        backbone = random_copy(config.backbone, config.layers, Path(place), seed=0)
        found = run_recipe(replace(config, backbone=backbone), protocol, table.panel, list(table.ids))
    for run in found["runs"]:
        run.pop("summary")  # names a folder that is gone
    text = json.dumps(
        {"config": str(options.config), "backbone": f"{config.backbone}, random weights", **found}, indent=2
    )
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
