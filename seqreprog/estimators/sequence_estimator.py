"""What all estimators of sequences share: reading strings, the fitted whole, `save`, `load`, pickling without f_S."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state

from ..config.sequence import (
    Kind,
    Method,
    SequenceBase,
    SequenceConfig,
    SequenceOptions,
    Task,
    options_of,
    sequence_config,
    sequence_dict,
)
from ..data import smiles
from ..data.alphabets import Alphabet, alphabet
from ..data.groups import duplicate_groups, duplicate_notice, identity_groups, joined_groups
from ..data.symbols import OnUnknown, Reading, read_sequences
from ..data.targets import Target, plain, read_groups
from ..data.texts import Texts, read_texts
from ..errors import CheckpointError, ConfigError, DataError, NotFittedError, Notice
from ..fit.artifact import backbone_record, check_kind, load_artifact, save_artifact
from ..fit.fitted_sequence import SequenceBlend, blend_state, length_notices, reopen_blend
from ..fit.gradient import check_device
from ..fit.problem import Examples
from ..sources.language import load_backbone
from ..tasks.sequence import fit_sequences
from ..tasks.sequence_summary import SequenceSummary

Model = TypeVar("Model", bound="SequenceEstimator")
LEARNED = ("smiles", "selfies")  # kinds whose alphabet is that of the sequences of `fit`


class SequenceEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A frozen language model that was reprogrammed for discrete sequences.

    Attributes:
        summary_: what `fit` did, and what each part contributes on held-out examples.
        sequence_col_: the column of sequences that `fit` was given, where it has a name.
    """

    artifact: ClassVar[str]
    summary_kind: ClassVar[type] = SequenceSummary
    summary_: Any
    sequence_col_: str | None = None
    _blend: SequenceBlend | None = None

    def __init__(
        self,
        *,
        kind: Kind = "protein",
        alphabet: str | Sequence[str] | None = None,
        method: Method = "prototype",
        backbone: str | Path = "minilm",
        layers: int | None = 4,
        base: SequenceBase = "linear",
        on_unknown: OnUnknown = "error",
        peft: object = None,
        options: SequenceOptions | None = None,
        random_state: object = 0,
    ) -> None:
        self.kind = kind
        self.alphabet = alphabet
        self.method = method
        self.backbone = backbone
        self.layers = layers
        self.base = base
        self.on_unknown = on_unknown
        self.peft = peft
        self.options = options
        self.random_state = random_state

    # --- fitting ------------------------------------------------------------------------------------------------------

    def _config(self, task: Task) -> SequenceConfig:
        """Settings for `fit`; what is wrong with them is said here, since a constructor only stores."""
        options = SequenceOptions() if self.options is None else self.options
        if type(options) is not SequenceOptions:  # nor a config, which says what the estimator's own arguments say
            raise ConfigError(f"options must be made by SequenceOptions(...); got {options!r}")
        names = ("kind", "method", "output", "backbone", "layers", "base")
        own = {name: getattr(self, name) for name in names if hasattr(self, name)}
        own["backbone"] = str(own["backbone"])
        return SequenceConfig(task=task, seed=self._seed(), **own, **options.values())

    def _seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _read(self, X: object, config: SequenceConfig, blank: str | None = None) -> Reading:
        """Strings of `fit` as symbols; what was put right is said."""
        texts, rows = _texts(X, config, self.on_unknown)
        found = read_sequences(texts, alphabet_for(self, texts.values), on_unknown=self.on_unknown, blank=blank)
        return Reading(found.symbols, rows[found.kept], found.notices)

    def _examples(
        self, config: SequenceConfig, reading: Reading, target: Target, weight: np.ndarray, groups: object
    ) -> tuple[Examples, list[str]]:
        """What was read with its targets; copies found, and kept on one side with the caller's groups."""
        kept, values = reading.kept, target.values
        classes = values if values.dtype.kind == "i" else None
        joined, said = split_apart(reading, groups, len(values), config.identity, classes)
        columns, owner = max(len(target.classes), 1), owner_of(reading)
        return Examples(reading.symbols, values[kept], columns, weight[kept], joined, owner), said

    def _fit(self, config: SequenceConfig, examples: Examples, notices: list[str], peft: Any) -> None:
        blend, summary = fit_sequences(
            config, load_backbone(config.backbone, config.layers), examples, peft=None if peft is False else peft
        )
        summary.notices[:0] = notices
        for notice in summary.notices:
            warnings.warn(notice, Notice, stacklevel=3)
        self._blend, self.summary_ = blend, summary

    # --- answering ----------------------------------------------------------------------------------------------------

    def _fitted(self) -> SequenceBlend:
        if self._blend is None:
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted: call fit(X, ...) first, or {type(self).__name__}.load(path)"
            )
        return self._blend

    def __sklearn_is_fitted__(self) -> bool:
        return self._blend is not None

    @property
    def _asked(self) -> OnUnknown:
        """`on_unknown` of what is to be answered for."""
        return "error" if self.on_unknown == "error" else "mask"

    def _reread(self, X: object, blend: SequenceBlend, blank: str | None = None) -> Reading:
        """Strings to answer for, in the alphabet of `fit`. Each gets an answer, so none is skipped."""
        texts, rows = _texts(X, blend.config, self._asked)
        letters = blend.alphabet
        extra: tuple[str, ...] = ()
        if letters.kind in LEARNED and self.alphabet is None:  # one that was given is a rule, a learned one is not
            notation: Any = letters.kind
            extra = tuple(symbol for symbol in smiles.known(notation, texts.values) if symbol not in letters.symbols)
        known = Alphabet(letters.kind, letters.symbols + extra)
        found = read_sequences(texts, known, on_unknown=self._asked, blank=blank)
        notices = found.notices
        if extra:
            shown = ", ".join(map(repr, extra[:5]))
            notices = (*notices, f"read as the mask: {len(extra)} symbols that fit never saw ({shown})")
        ids = np.minimum(found.symbols.ids, letters.mask)
        symbols = type(found.symbols)(ids, found.symbols.offsets, letters)
        for notice in (*notices, *length_notices(blend, symbols)):
            warnings.warn(notice, Notice, stacklevel=4)
        return Reading(symbols, rows, notices)

    def transform(self, X: object) -> Float[np.ndarray, "sequence width"]:
        """The frozen model's hidden states over each reprogrammed sequence, averaged over its tokens: features.

        Raises:
            NotFittedError: nothing was fitted.
            DataError: `X` breaks a rule.
        """
        blend = self._fitted()
        read = self._reread(X, blend)
        return blend.features(read.symbols, owner_of(read))

    @property
    def _n_features_out(self) -> int:
        return self._fitted().backbone.state_width

    # --- keeping ------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Writes theta, omega, base and settings: a few MB, without the frozen model. Whole or not at all; no pickle.

        Raises:
            NotFittedError: nothing was fitted.
            OutputError: the place cannot be written, or holds something else.
        """
        tensors, document = self._packed()
        save_artifact(path, tensors, {"kind": self.artifact, **document, "summary": asdict(self.summary_)})

    @classmethod
    def load(
        cls: type[Model],
        path: str | Path,
        *,
        backbone: str | Path | None = None,
        device: str = "auto",
        verify: bool = True,
    ) -> Model:
        """Reads what `save` wrote, and asks it again what it was asked then.

        Args:
            path: the directory.
            backbone: where the language model is now, if no longer where it was; it must be the same to the byte.
            device: as in `SequenceOptions`.
            verify: `False` skips the canary, one pass of the language model over three short sequences; the digest of
                the files is always checked.

        Raises:
            CheckpointError: damaged, edited, foreign, another backbone, or a model that answers otherwise than when it
                was saved.
            ConfigError: there is no such device here.
        """
        check_device(device)
        tensors, document = load_artifact(path)
        check_kind(path, document, cls.artifact)
        try:
            config = sequence_config({**document["config"], "device": device})
            summary = cls.summary_kind(**document["summary"])
            model = cls(**cls._arguments(config, document))
            model._restore_answers(document["answers"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{str(path)!r} is not an artifact that this release reads: {error}") from error
        place = None if backbone is None else str(backbone)
        model._blend = reopen_blend(config, tensors, document, backbone=place, verify=verify)
        model.summary_, model.sequence_col_ = summary, document.get("sequence_col")
        return model

    @classmethod
    def _arguments(cls, config: SequenceConfig, document: dict[str, Any]) -> dict[str, Any]:
        """The constructor's arguments, from the settings of a fit."""
        given = document["arguments"]
        known = {name: getattr(config, name) for name in cls._get_param_names() if hasattr(config, name)}
        options = options_of(config)
        options = replace(options, training=replace(options.training, mode=given["mode"]))  # as asked, not as decided
        known |= {"random_state": config.seed, "options": options, "alphabet": given["alphabet"]}
        known |= {"on_unknown": given["on_unknown"]}
        if "class_weight" in cls._get_param_names():
            weight = given["class_weight"]
            known["class_weight"] = dict(weight) if isinstance(weight, list) else weight
        if "peft" in cls._get_param_names():
            known["peft"] = document["peft"]
        return known

    def _packed(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Tensors and JSON of the fitted model, without the frozen one."""
        blend = self._fitted()
        tensors, document = blend_state(blend)
        weight: Any = getattr(self, "class_weight", None)
        letters: Any = self.alphabet
        return tensors, {
            "config": sequence_dict(blend.config),
            "backbone": backbone_record(blend.backbone),
            "arguments": {
                "alphabet": letters if letters is None or isinstance(letters, str) else list(letters),
                "on_unknown": self.on_unknown,
                "mode": (self.options or SequenceOptions()).training.mode,
                "class_weight": [[plain(k), float(v)] for k, v in weight.items()]
                if hasattr(weight, "items")
                else weight,
            },
            "answers": self._answers(),
            "sequence_col": self.sequence_col_,
            **document,
        }

    def _answers(self) -> dict[str, Any]:
        """What `fit` learned of the target, for JSON."""
        return {}

    def _restore_answers(self, answers: dict[str, Any]) -> None:
        """The inverse of `_answers`."""

    def __getstate__(self) -> dict[str, Any]:
        """For workers of scikit-learn: as `save`, the frozen model goes by its name."""
        state = dict(super().__getstate__())
        if state.pop("_blend", None) is not None:
            tensors, document = self._packed()
            state["_sent"] = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}, document
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        import torch

        sent = state.pop("_sent", None)
        super().__setstate__(state)
        if sent is not None:
            arrays, document = sent
            tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
            self._blend = reopen_blend(sequence_config(document["config"]), tensors, document)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        tags.no_validation = True
        return tags


def check_readable(model: SequenceEstimator, X: object) -> None:
    """Raises before a fit what `predict` would raise of these strings after it."""
    config = replace(model._config("classify"), augment=0)
    texts = _texts(X, config, model._asked)[0]
    read_sequences(texts, alphabet_for(model, texts.values), on_unknown=model._asked)


def column_of(X: Any) -> str | None:
    """The name of a Series, or of the one column of a frame, where it is a string."""
    columns = getattr(X, "columns", None)
    name = columns[0] if columns is not None and len(columns) == 1 else getattr(X, "name", None)
    return name if isinstance(name, str) else None


def alphabet_for(model: SequenceEstimator, texts: list[str]) -> Alphabet:
    """That of its kind, of its own argument, or learned from `texts`."""
    if model.kind in LEARNED and model.alphabet is None:
        return alphabet(model.kind, sequences=texts)
    return alphabet(model.kind, symbols=model.alphabet)


def _texts(X: object, config: SequenceConfig, on_unknown: OnUnknown) -> tuple[Texts, Int[np.ndarray, " kept"]]:
    """Strings, and the rows they came from; SMILES in RDKit's spelling where that is asked for.

    Behind them stand other spellings of the same rows, as many as are asked for. What RDKit cannot read has its own.
    """
    texts = smiles.read_smiles(X, what="sequences") if config.kind == "smiles" else read_texts(X)
    rows = np.arange(len(texts.values))
    if not (config.canonical or config.augment):
        return texts, rows
    from ..data.chem import canonical_smiles, randomised_smiles, readable_smiles

    found, notices, values = readable_smiles(texts, on_invalid=on_unknown), texts.notices, list(texts.values)
    bad = np.setdiff1d(rows, found)
    if len(bad):
        what = "left out" if on_unknown == "skip" else "read as they are written"
        notices = (*notices, f"{what}: {len(bad)} SMILES that RDKit cannot read ({texts.names.some(bad)})")
    if config.canonical and len(found):
        for row, text in zip(found.tolist(), canonical_smiles([values[row] for row in found]).texts, strict=True):
            values[row] = text
    rows = found if on_unknown == "skip" else rows
    spelled = [values[row] for row in rows]
    if config.augment and len(found):
        more = randomised_smiles([values[row] for row in found], config.augment, config.seed)
        # all get as many, or a small molecule, which has few, would count less
        place = np.arange(config.augment)[None] % np.bincount(more.rows)[:, None]
        place += np.searchsorted(more.rows, np.arange(len(found)))[:, None]
        spelled += [more.texts[one] for one in place.ravel().tolist()]
        rows = np.concatenate([rows, np.repeat(found, config.augment)])
    return Texts(spelled, texts.names.of(rows), notices), rows


def split_apart(
    reading: Reading, groups: object, count: int, identity: float | None = None, classes: np.ndarray | None = None
) -> tuple[Int[np.ndarray, " sequence"], list[str]]:
    """Groups that stay on one side of a split, and what is to be said of them.

    Of copies, other spellings, sequences that are nearly the same, and the caller's own groups.

    Args:
        reading: what was read.
        groups: of the caller, one for each row that was given; or `None`.
        count: of those rows.
        identity: see `SequenceOptions`.
        classes: of those rows.

    Raises:
        DataError: all sequences are linked, so that none can be held out; or there is too much to compare.
    """
    given, kept = read_groups(groups, count), reading.kept
    first = np.unique(kept, return_index=True)[1]
    said = duplicate_notice(
        duplicate_groups(reading.symbols.take(first)), None if classes is None else classes[kept[first]]
    )
    notices = [said] if said else []
    joined = duplicate_groups(reading.symbols)
    if len(first) < len(kept):
        joined = joined_groups(joined, kept)
    if identity is not None:
        joined = joined_groups(joined, identity_groups(reading.symbols, identity))
        clusters = len(np.unique(joined))
        if clusters == 1 and len(kept) > 1:
            raise DataError(
                f"identity={identity} links all {len(first)} sequences, so that none can be held out. Raise it"
            )
        notices.append(
            f"{len(first)} sequences in {clusters} clusters of identity {identity}, each on one side of a split"
        )
    if given is not None:
        joined = joined_groups(joined, given[kept])
    return joined, notices


def owner_of(reading: Reading) -> Int[np.ndarray, " spelling"] | None:
    """Which row each is a spelling of; `None` where every row has one."""
    return reading.kept if len(np.unique(reading.kept)) < len(reading.kept) else None
