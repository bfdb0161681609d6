"""Options of sequence models: refused where they are wrong, the same after a way through plain values."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from seqreprog.config.forecast import Adapter, Training
from seqreprog.config.sequence import SequenceConfig, SequenceOptions, options_of, sequence_config, sequence_dict

# expression -> what its message must hold
REFUSED = {
    "SequenceConfig(method='magic')": "method must be one of ['prototype', 'dictionary', ",
    "SequenceConfig(kind='xml')": "kind must be one of ['protein', ",
    "SequenceConfig(patch=0)": "patch must be at least 1; got 0",
    "SequenceConfig(patch=2.5)": "patch must be a whole number; got 2.5",
    "SequenceConfig(sparsity=True)": "sparsity must be a whole number; got True",
    "SequenceConfig(layers='3')": "layers must be a whole number; got '3'",
    "SequenceConfig(limit=0)": "limit must be at least 1; got 0",
    "SequenceConfig(patch=2, stride=3)": "got stride=3, patch=2",
    "SequenceConfig(window=4)": "a symbol stands in its middle; got 4",
    "SequenceConfig(task='infill', patch=3)": "needs patch=1; got patch=3",
    "SequenceConfig(method='rewriter', patch=3)": "needs patch=1; got patch=3",
    "SequenceConfig(task='infill', pooling='max')": "pools nothing; got pooling='max'",
    "SequenceConfig(task='regress', output='words')": "task='regress' needs output='head'",
    "SequenceConfig(output='words')": "Pass label_words=(...)",
    "SequenceConfig(label_words=('good', 'bad'))": "got output='head' with 2 words",
    "SequenceConfig(output='iterative', pooling='max')": "'last' or 'mean', not 'max'",
    "SequenceConfig(adapter=Adapter(patch=8, stride=8))": "adapter.patch is for numeric series; got 8. Pass patch=",
    "SequenceConfig(adapter=Adapter(features=8))": "adapter.features is for numeric series; got 8",
    "SequenceConfig(output='verbaliser', training=Training(mode='probe'))": "mode='probe' solves a head of its own",
    "SequenceConfig(training={'max_steps': 3})": "training must be made by Training(...)",
    "SequenceConfig(seed=-1)": "seed must be a whole number from 0 to 4294967295; got -1",
    "SequenceOptions(augment=-1)": "augment must be at least 0; got -1",
    "SequenceOptions(identity=90)": "identity is a share of symbols, above 0 and at most 1; got 90",
    "SequenceOptions(identity='90 %')": "identity must be a number; got '90 %'",
    "SequenceConfig(kind='smiles', identity=0.9)": "got kind='smiles'. Pass groups=scaffolds(X)",
    "SequenceConfig(kind='dna', augment=2)": "is for kind='smiles' and not for infilling, got kind='dna'",
    "SequenceConfig(kind='dna', canonical=True)": "is for kind='smiles' and not for infilling",
    "SequenceConfig(kind='smiles', task='infill', canonical=True)": "spans would miss their symbols; got kind='smiles'",
    "SequenceOptions(limit=0)": "limit must be at least 1; got 0",
    "SequenceOptions(window=4)": "a symbol stands in its middle; got 4",
    "SequenceOptions(patch=2, stride=3)": "got stride=3, patch=2",
    "SequenceOptions(adapter=Adapter(features=8))": "adapter.features is for numeric series; got 8",
    "sequence_config({'colour': 1})": "SequenceConfig has no option 'colour'; it has ['pooling', ",
    "sequence_config({'training': {'speed': 1}})": "Training has no option 'speed'",
}


SAVED = """
{"kind": "smiles", "task": "regress", "method": "prototype", "output": "head", "pooling": "auto", "backbone": "minilm",
 "layers": 4, "base": "none", "patch": 2, "stride": null, "limit": 90, "prompt": "", "canonical": true, "sparsity": 16,
 "vectors": 8, "window": 5, "source_words": 512, "label_words": [], "words_per_class": 8, "seed": 3, "device": "auto",
 "adapter": {"patch": 24, "stride": 24, "hidden": 64, "heads": 8, "head_width": 32, "prototypes": "direct",
             "n_prototypes": 8, "words": [], "features": 32, "dropout": 0.2},
 "training": {"max_steps": 600, "batch_size": 64, "accumulate": 1, "learning_rate": 0.001, "warmup": 0.1,
              "weight_decay": 0.01, "clip": 1.0, "average": 0.97, "mirror": true, "evaluate_every": 25, "patience": 5,
              "validation": 0.15, "validation_windows": 512, "time_budget": null, "threads": null, "precision": "no",
              "progress": true, "mode": "probe"}}
"""


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    """What each expression raises, in a process where no type checker stands before the library's own checks."""
    script = (
        "import json, sys\nfrom seqreprog.config.forecast import *\nfrom seqreprog.config.sequence import *\n"
        "found = {}\nfor text in json.load(sys.stdin):\n"
        "    try:\n        found[text] = repr(eval(text))\n"
        "    except Exception as error:\n        found[text] = f'{type(error).__name__}: {error}'\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(list(REFUSED)), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("text", list(REFUSED))
def test_a_wrong_option_is_named_with_its_value(messages: dict[str, str], text: str) -> None:
    assert messages[text].startswith("ConfigError: ")
    assert REFUSED[text] in messages[text]


def test_there_and_back_through_json() -> None:
    config = SequenceConfig(
        kind="dna",
        method="soft_prompt",
        output="verbaliser",
        label_words=("yes", "no"),
        patch=3,
        stride=2,
        adapter=Adapter(hidden=16),
        training=Training(max_steps=7),
    )
    assert sequence_config(json.loads(json.dumps(sequence_dict(config)))) == config
    assert sequence_config({"kind": "dna"}) == SequenceConfig(kind="dna")


def test_what_was_saved_before_options_and_config_shared_their_fields_is_read() -> None:
    """A document word for word as release 0.1 began to write it: it must go on loading, whatever is added."""
    config = sequence_config(json.loads(SAVED))
    assert (config.kind, config.task, config.layers, config.base, config.seed) == ("smiles", "regress", 4, "none", 3)
    assert config.label_words == ()
    assert config.adapter == Adapter(n_prototypes=8)
    assert config.training == Training(evaluate_every=25, patience=5, mode="probe")
    assert options_of(config) == SequenceOptions(
        canonical=True, patch=2, limit=90, adapter=Adapter(n_prototypes=8), training=config.training
    )
    assert set(json.loads(SAVED)) <= set(sequence_dict(config))


def test_an_option_stands_once() -> None:
    own = set(SequenceConfig.__annotations__)
    assert not own & set(SequenceOptions.__annotations__)
    assert options_of(SequenceConfig(**SequenceOptions(patch=3).values())) == SequenceOptions(patch=3)


def test_the_stride_is_the_patch_unless_said() -> None:
    assert (SequenceConfig(patch=4).step, SequenceConfig(patch=4, stride=1).step) == (4, 1)
