"""Discrete sequences: toy strings, and the fits whose answers are frozen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from case import LONG, TINY, Answers, Case, adapter, reported, training

from seqreprog import SequenceClassifier, SequenceInfiller, SequenceOptions, SequenceRegressor

PARTS = ("N", "O", "CC", "C(C)", "c1ccccc1", "C(=O)", "C(Cl)", "C(Br)", "S")
METHODS: dict[str, Any] = {"sparsity": 4, "vectors": 3, "source_words": 16, "window": 3}
LABELS = ("up", "down", "last")
WORDS: dict[str, Any] = {"prototypes": "words", "words": LABELS}


def strands(count: int = 60, least: int = 5, most: int = 11, letters: str = "ACGT") -> list[str]:
    """DNA of unequal lengths."""
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list(letters), rng.integers(least, most + 1))) for _ in range(count)]


def molecules(count: int = 40) -> list[str]:
    rng = np.random.default_rng(0)
    return ["C" + "".join(rng.choice(PARTS, rng.integers(2, 6))) for _ in range(count)]


def monotonous(count: int = 40) -> list[str]:
    """DNA of one letter mostly: the middle of a long gap is told by what stands far off."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(4, size=(count, 18))
    common = np.where(rng.random((count, 18)) < 0.85, rng.integers(4, size=(count, 1)), drawn)
    return ["".join(row) for row in np.array(list("ACGT"))[common]]


def order(texts: list[str], first: str = "A", second: str = "C") -> list[int]:
    """Whether the first letter comes before the second, which n-grams hardly tell."""
    return [int(text.find(first) % 99 < text.find(second) % 99) for text in texts]


def majority(texts: list[str]) -> list[str]:
    """Three classes: of which of two letters there are more."""
    more = [text.count("A") - text.count("C") for text in texts]
    return ["tie" if not count else "A" if count > 0 else "C" for count in more]


def values(texts: list[str]) -> list[float]:
    return [round(text.count("A") - 0.5 * text.count("C") + 0.1 * len(text), 3) for text in texts]


def labels(texts: list[str]) -> pd.DataFrame:
    """Three labels that exclude nothing, one in seven unknown."""
    known = {
        "A before C": order(texts),
        "G before T": order(texts, "G", "T"),
        "much A": [t.count("A") > 2 for t in texts],
    }
    table = pd.DataFrame(known).astype(float)
    return table.mask(np.arange(table.size).reshape(table.shape) % 7 == 3)


def settings(mode: str, chosen: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of an estimator; `chosen` are options, `size` and `schedule` among them those of their parts."""
    given = dict(chosen or {})
    parts: dict[str, Any] = {
        "adapter": adapter(**given.pop("size", {})),
        "training": training(mode, **given.pop("schedule", {})),
    }
    options = SequenceOptions(**parts, **given)
    return {"kind": "dna", "backbone": TINY, "layers": 1, "options": options, **arguments}


def sequences(
    maker: Any, mode: str, texts: list[str] | None = None, target: Any = None, *, extra: Any = None, chosen: Any = None,
    pickled: bool = False, needs: tuple[str, ...] = (), **arguments: Any,
) -> Case:  # fmt: skip
    """A classifier or a regressor; `extra` are arguments of its `fit`."""
    texts, classifies = strands() if texts is None else texts, maker is SequenceClassifier
    if target is None:
        target = order(texts) if classifies else values(texts)
    asked = texts[:20]

    def fit() -> Any:
        return maker(**settings(mode, chosen, arguments)).fit(texts, target, **(extra or {}))

    def answer(model: Any) -> Answers:
        return {
            "answers": model.predict_proba(asked) if classifies else model.predict(asked),
            "classes": [str(each) for each in model.classes_] if classifies else [],
            "features": model.transform(asked[:2]),
            "report": reported(model),
        }

    return Case(fit, answer, None if pickled else lambda: maker, pickled, needs)


def classifiers() -> dict[str, Case]:
    made = {**answered(), **input_methods(), **output_methods(), **weighed()}
    return {f"classifier-{name}": case for name, case in made.items()}


def answered() -> dict[str, Case]:
    """Two classes, three, several labels; few sequences, many, aligned ones; with either base."""
    maker, texts, peptides = SequenceClassifier, strands(), strands(letters="ACDEFGHIKL")
    three, aligned, many = majority(texts), strands(60, 8, 8), strands(520, 4, 6)
    return {
        "probe": sequences(maker, "probe", target=three),
        "train": sequences(maker, "train", target=three, chosen={"schedule": {**LONG, "max_steps": 24}}),
        "probe-none": sequences(maker, "probe", base="none"),
        "train-none": sequences(maker, "train", base="none"),
        "base-alone": sequences(maker, "train"),
        "protein": sequences(maker, "probe", peptides, kind="protein", base="none"),
        "three-train": sequences(maker, "train", target=three, base="none"),
        "labels-probe": sequences(maker, "probe", target=labels(texts)),
        "labels-train": sequences(maker, "train", target=labels(texts), base="none"),
        "aligned-probe": sequences(maker, "probe", aligned, base="none"),
        "aligned-train": sequences(maker, "train", aligned, base="none"),
        "many-probe": sequences(maker, "probe", strands(520)),
        "many-train": sequences(maker, "train", many),
        "pickled": sequences(maker, "train", target=three, base="none", pickled=True),
    }


def input_methods() -> dict[str, Case]:
    """Every h_theta, trained; the patches, prompts and prototypes; a peft adapter."""
    maker, made = SequenceClassifier, {}
    for method in ("dictionary", "soft_prompt", "perturbation", "rewriter"):
        made[method] = sequences(maker, "train", base="none", method=method, chosen=METHODS)
    patches = {"patch": 3, "stride": 2, "prompt": "next up", "limit": 9}
    return made | {
        "dictionary-probe": sequences(maker, "probe", base="none", method="dictionary", chosen=METHODS),
        "dictionary-whole": sequences(maker, "train", base="none", method="dictionary", chosen={"sparsity": None}),
        "patches-train": sequences(maker, "train", base="none", chosen=patches),
        "patches-probe": sequences(maker, "probe", base="none", chosen=patches, layers=None),
        "word-prototypes": sequences(maker, "train", base="none", chosen={"size": WORDS}),
        "linear-prototypes": sequences(maker, "train", base="none", chosen={"size": {"prototypes": "linear"}}),
        "peft": sequences(maker, "train", base="none", peft=True, needs=("peft",)),
    }


def output_methods() -> dict[str, Case]:
    """Every h_omega, trained."""
    maker, three, made = SequenceClassifier, majority(strands()), {}
    for output in ("random", "frequency", "iterative"):
        made[f"{output}-map"] = sequences(
            maker, "train", target=three, base="none", method="perturbation", output=output,
            chosen={"words_per_class": 3},
        )  # fmt: skip
    for pooling in ("attention", "max", "mean", "last"):
        made[f"{pooling}-pooling"] = sequences(maker, "train", base="none", chosen={"pooling": pooling})
    named = {"label_words": LABELS}
    return made | {
        "words": sequences(maker, "train", target=three, base="none", output="words", chosen=named),
        "words-mean": sequences(
            maker, "train", target=three, base="none", output="words", chosen={**named, "pooling": "mean"}
        ),
        "verbaliser": sequences(
            maker, "train", target=three, base="none", method="soft_prompt", output="verbaliser", chosen=named
        ),
        "verbaliser-drawn": sequences(maker, "train", base="none", output="verbaliser"),
    }  # fmt: skip


def weighed() -> dict[str, Case]:
    """Weights, groups, symbols that are not known."""
    maker, texts, pairs = SequenceClassifier, strands(), np.arange(60) // 2
    peptides = strands(letters="ACDEFGHIKL")
    three, strange = majority(texts), [text[:6] + text[6:].replace("T", "1") for text in texts]
    weights = {"sample_weight": 1 + np.arange(60) % 3, "groups": pairs}
    return {
        "weights-probe": sequences(maker, "probe", target=three, class_weight="balanced", extra=weights),
        "weights-train": sequences(
            maker, "train", class_weight={0: 1.0, 1: 3.0}, base="none", extra={"groups": pairs}
        ),
        "identity": sequences(maker, "probe", peptides, kind="protein", base="none", chosen={"identity": 0.6}),
        "masked": sequences(maker, "probe", strange, base="none", on_unknown="mask"),
        "skipped": sequences(maker, "train", strange, base="none", on_unknown="skip"),
    }  # fmt: skip


def regressors() -> dict[str, Case]:
    """Values; other alphabets."""
    maker, drawn, aligned, many = SequenceRegressor, molecules(), strands(60, 8, 8), strands(520, 4, 6)
    smiles: dict[str, Any] = {"maker": maker, "texts": drawn, "target": values(drawn), "kind": "smiles", "base": "none"}
    squares = [float((text.count("A") - 1) ** 2) for text in strands()]
    spelled = {"canonical": True, "augment": 2}
    made = {
        "probe": sequences(maker, "probe"),
        "train": sequences(maker, "train", target=squares, chosen={"schedule": {**LONG, "max_steps": 32}}),
        "probe-none": sequences(maker, "probe", base="none"),
        "train-none": sequences(maker, "train", base="none"),
        "aligned-probe": sequences(maker, "probe", aligned, base="none"),
        "many-train": sequences(maker, "train", many, base="none"),
        "custom": sequences(maker, "probe", kind="custom", alphabet=["A", "C", "G", "T"], base="none"),
        "smiles-probe": sequences(mode="probe", **smiles),
        "smiles-train": sequences(mode="train", method="dictionary", **smiles),
        "spellings": sequences(mode="probe", chosen=spelled, needs=("rdkit",), **smiles),
        "pickled": sequences(maker, "probe", pickled=True),
    }
    return {f"regressor-{name}": case for name, case in made.items()}


def infiller(
    mode: str, texts: list[str], gap: tuple[int, int] | None = None, *, chosen: Any = None, pickled: bool = False,
    **arguments: Any,
) -> Case:  # fmt: skip
    """Of each sequence the symbols of the gap are hidden, or some that are drawn."""
    first, last = gap or (2, 4)
    places = [np.arange(len(text)) for text in texts]
    spans = None if gap is None else [(first <= place) & (place < last) for place in places]

    def fit() -> SequenceInfiller:
        return SequenceInfiller(**settings(mode, chosen, arguments)).fit(texts, spans=spans)

    def answer(model: SequenceInfiller) -> Answers:
        blanks = [text[:first] + "_" * (last - first) + text[last:] for text in texts[:8]]
        return {
            "filled": [str(text) for text in model.predict(blanks)],
            "samples": model.sample(blanks[0], n=6, temperature=1.5, random_state=3),
            "scores": list(model.report(texts[:20], spans and spans[:20], n=3).values()),
            "features": model.transform(texts[:2]),
            "report": reported(model),
        }

    return Case(fit, answer, None if pickled else lambda: SequenceInfiller, pickled)


def infillers() -> dict[str, Case]:
    texts, drawn = strands(), [f"CC{text}CC" for text in molecules(20)]
    long, gap = monotonous(), (4, 14)
    made = {
        "probe": infiller("probe", long, gap),
        "train": infiller(
            "train", long, gap, method="dictionary", chosen={"schedule": {**LONG, "learning_rate": 6e-2}}
        ),
        "drawn-probe": infiller("probe", long[:12]),
        "probe-none": infiller("probe", texts[:30], (2, 4), base="none"),
        "train-none": infiller("train", texts, base="none", layers=None),
        "smiles": infiller("train", drawn, kind="smiles", base="none", method="dictionary"),
        "pickled": infiller("train", texts, base="none", pickled=True),
    }
    for method in ("dictionary", "soft_prompt", "perturbation", "rewriter"):
        made[method] = infiller("train", texts, (2, 4), base="none", method=method, chosen=METHODS)
    return {f"infiller-{name}": case for name, case in made.items()}
