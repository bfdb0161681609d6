"""The rows of the page: which set, how it is split, what is measured, what is to be reached; and all settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Task = Literal["classify", "regress", "multilabel", "infill"]
Plan = Literal["official", "folds", "draws", "random", "scaffold"]


class Goal(NamedTuple):
    """`score` of `form`, averaged over the places of a row, must be at least (errors: at most) `value`."""

    form: str
    score: str
    value: float


@dataclass(frozen=True)
class Row:
    """A row of the page.

    Attributes:
        name: what `--sets` calls it.
        title: what the page calls it.
        group: rows of one table.
        source: the set that is read; several rows may share one.
        kind: of the sequences.
        task: what is asked.
        plan: how it is split: see `sets.places`.
        scores: what the page shows, the most important first.
        floor: features of the n-gram floor; `None` for the best of all on inner folds.
        count: folds, draws or random splits; seeds where the split is fixed.
        repeats: of the folds, each time drawn anew.
        goals: what is to be reached.
        seconds: a fit takes about that long on one core; for `--plan`.
        keep: whether the record keeps what was answered, for a paired bootstrap over the test part.
    """

    name: str
    title: str
    group: str
    source: str
    kind: str
    task: Task
    plan: Plan
    scores: tuple[str, ...]
    floor: tuple[str, ...] | None
    count: int = 5
    repeats: int = 1
    goals: tuple[Goal, ...] = ()
    seconds: float = 60.0
    keep: bool = False


# --- settings: the facade's defaults unless a row needs otherwise -----------------------------------------------------

STUDY = 1  # raise it when fits come out otherwise although no setting has changed: all of them are then repeated

# Arguments of SequenceClassifier and SequenceRegressor; "options" are those of SequenceOptions, "training" of Training.
COMMON: Mapping[str, Any] = {"backbone": "minilm", "training": {"progress": False}}
OWN: dict[str, Mapping[str, Any]] = {
    # the variants differ within GB1 itself, the first 56 residues; the rest is a tag that all of them share
    "gb1-two": {"options": {"limit": 56}},
    "gb1-three": {"options": {"limit": 56}},
}


def settings(name: str) -> dict[str, Any]:
    """Arguments of the estimator for a row: `COMMON`, and on top of it the row's own."""
    from seqreprog import SequenceOptions, Training

    own = OWN.get(name, {})
    nested = {part: {**COMMON.get(part, {}), **own.get(part, {})} for part in ("options", "training")}
    usual = vars(SequenceOptions().training)
    training = Training(**{**usual, **nested["training"]})
    plain = {key: value for key, value in {**COMMON, **own}.items() if key not in nested}
    return {**plain, "options": SequenceOptions(**{**nested["options"], "training": training})}


def attempt(names: list[str], arguments: Mapping[str, Any]) -> None:
    """Gives these rows other arguments, on top of their own, for as long as the process runs."""
    OWN.update({name: {**OWN.get(name, {}), **arguments} for name in names})


# --- rows -------------------------------------------------------------------------------------------------------------

PEPTIDES = {"hemopi": 140.0, "cpp": 150.0, "acp": 120.0, "avp": 200.0, "aip": 130.0}  # and seconds of a fit
_CLASS = ("AUC", "accuracy", "MCC")
_VALUE = ("Spearman", "RMSE")
_TFIDF, _ONEHOT = ("tfidf",), ("onehot",)


def _all() -> list[Row]:
    amp = (Goal("base", "accuracy", 0.905), Goal("base", "AUC", 0.962), Goal("pure", "AUC", 0.955))
    many = [
        Row("amp", "AMP_Veltri", "amp", "amp", "protein", "classify", "official", _CLASS, _TFIDF, 3, goals=amp,
            seconds=250),
        *(Row(name, name, "peptides", name, "protein", "classify", "folds", _CLASS, _TFIDF, seconds=seconds)
          for name, seconds in PEPTIDES.items()),
        *(Row(f"{name}-50", f"{name}, 50 labels", "small", name, "protein", "classify", "draws", _CLASS, _TFIDF, 10,
              seconds=90) for name in PEPTIDES),
        Row("splice", "splice_junction", "dna", "splice", "dna", "classify", "folds", ("accuracy", "MCC"), _ONEHOT, 10,
            goals=(Goal("base", "accuracy", 0.956),), seconds=400),
        Row("promoters", "promoters_ecoli", "dna", "promoters", "dna", "classify", "folds", ("errors", "AUC"), _ONEHOT,
            10, repeats=3, seconds=200),
        Row("gb1-two", "GB1, two against the rest", "gb1", "gb1-two", "protein", "regress", "official", _VALUE,
            _ONEHOT, 3, goals=(Goal("base", "Spearman", 0.594),), seconds=700),
        Row("gb1-three", "GB1, three against the rest", "gb1", "gb1-three", "protein", "regress", "official", _VALUE,
            _ONEHOT, 3, goals=(Goal("base", "Spearman", 0.755),), seconds=450),
        Row("esol", "ESOL, random 80/20", "molecules", "esol", "smiles", "regress", "random", ("RMSE", "Spearman"),
            None, goals=(Goal("base", "RMSE", 0.80),), seconds=90),
        Row("bbbp", "BBBP, scaffolds", "molecules", "bbbp", "smiles", "classify", "scaffold", _CLASS, None, 3,
            seconds=290, keep=True),
        Row("bace", "BACE, scaffolds", "molecules", "bace", "smiles", "classify", "scaffold", _CLASS, None, 3,
            seconds=400, keep=True),
        Row("tox21", "Tox21, random 80/20", "molecules", "tox21", "smiles", "multilabel", "random",
            ("AUC", "log loss"), None, 3, seconds=300),
        Row("h3", "antibody_hcdr3", "infill", "h3", "protein", "infill", "folds", ("recovery", "perplexity",
            "diversity"), None, seconds=300),
    ]  # fmt: skip
    return many


ROWS: dict[str, Row] = {row.name: row for row in _all()}
LESS = {"RMSE", "errors", "log loss", "perplexity"}  # scores of which less is better
