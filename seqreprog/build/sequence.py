"""Config and backbone to a model for discrete sequences: the only place where a name becomes one of its modules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..config.sequence import SequenceConfig
from ..data.properties import residue_properties
from ..errors import ConfigError
from ..inputs.dictionary import DictionaryMap, random_start
from ..inputs.perturbation import PerturbationMap
from ..inputs.prototype import PrototypeMap, word_vectors
from ..inputs.rewriter import RewriterMap
from ..inputs.soft_prompt import SoftPromptMap
from ..inputs.symbols import SymbolEmbedding, SymbolVectors, patch_count
from ..model import SymbolReprogram
from ..outputs.labels import LabelMap, Reading, Renewal, Verbaliser, random_map
from ..outputs.layers import LayerHead
from ..outputs.pooled import PooledHead, PoolingKind
from ..outputs.token_map import StateMap, TokenMap
from ..sources.language import Backbone
from ..sources.process import seeded
from .forecast import make_prototypes, warn_if_heavy

REMEDY = "Shorten the prompt, pass a smaller limit=..., or more symbols for each soft token: patch=..."


def build_sequence_model(
    config: SequenceConfig,
    backbone: Backbone,
    *,
    size: int,
    classes: int,
    length: int,
    symbols: Sequence[str] = (),
    places: int = 0,
    fresh: bool = True,
) -> SymbolReprogram:
    """A model, the same for the same `config.seed`; the caller's random state is left as it was.

    Args:
        config: what to build.
        backbone: the frozen language model.
        size: ids of the alphabet, padding and mask included: its symbols and 2.
        classes: how many logits or values; for infilling the symbols that may be filled in, `size - 2`.
        length: symbols of the longest sequence to read; see `room`.
        symbols: the text of each symbol, from id 1 on: what the methods that leave symbols' vectors frozen read for it.
            Without it they get words drawn at random.
        places: of aligned sequences, in soft tokens; see `outputs.layers.LayerHead` (`training.mode="probe"`). For
            infilling with `method="prototype"`: `runs` of `inputs.symbols.SymbolEmbedding`.
        fresh: whether weights get their proper start; not worth the time where saved ones replace them.

    Raises:
        BackboneError: prompt and sequence need more positions than the backbone has.
        ConfigError: label words or words of a label map do not fit the number of classes.
    """
    static = _static(config, backbone)
    tokens = patch_count(length, config.patch, config.step)
    backbone.check_positions(len(static) + tokens + sum(_around(config)), REMEDY)
    with seeded(config.seed):
        input_map = _input_map(config, backbone, size, tokens, symbols, fresh, places)
        output_map = _output_map(config, backbone, classes, places)
    model = SymbolReprogram(input_map=input_map, backbone=backbone, output_map=output_map, static=static)
    if fresh and config.training.mode != "probe":  # of which the input map stays as it was drawn
        warn_if_heavy(model)
    return model


def room(config: SequenceConfig, backbone: Backbone) -> int | None:
    """Symbols of a sequence that the model can read: `config.limit`, or fewer where the backbone has no room."""
    if backbone.positions is None:
        return config.limit
    tokens = backbone.positions - len(_static(config, backbone)) - sum(_around(config))
    fits = (tokens - 1) * config.step + config.patch
    return fits if config.limit is None else min(fits, config.limit)


def _static(config: SequenceConfig, backbone: Backbone) -> list[int]:
    text = config.prompt.strip()
    return backbone.opening() + backbone.tokenise([text])[0] if text else []


def _around(config: SequenceConfig) -> tuple[int, int]:
    """Soft tokens that stand before and behind those of the sequence."""
    return {"soft_prompt": (config.vectors, 1), "perturbation": (0, config.vectors)}.get(config.method, (0, 0))


def _input_map(
    config: SequenceConfig, backbone: Backbone, size: int, tokens: int, symbols: Sequence[str], fresh: bool, places: int
) -> nn.Module:
    vocabulary, options = backbone.vocabulary, config.adapter
    cut = {"patch": config.patch, "stride": config.step}
    match config.method:
        case "prototype":
            return PrototypeMap(
                patches=SymbolEmbedding(
                    size=size,
                    length=tokens,
                    hidden=options.hidden,
                    start=_properties(config, size, symbols),
                    runs=places if config.task == "infill" else 0,
                    **cut,
                ),
                prototypes=make_prototypes(options, backbone, config.seed, fresh),
                heads=options.heads,
                head_width=options.head_width,
                vocabulary=vocabulary,
            )
        case "dictionary":
            start = random_start(vocabulary, config.patch * size, config.patch)
            return DictionaryMap(vocabulary=vocabulary, start=start, sparsity=config.sparsity, **cut)
        case "soft_prompt":
            vectors = SymbolVectors(_symbol_vectors(backbone, size, symbols), **cut)
            slot = backbone.tokenizer.mask_token_id
            return SoftPromptMap(
                symbols=vectors,
                vocabulary=vocabulary,
                vectors=config.vectors,
                slot=None if slot is None else vocabulary[slot],
            )
        case "perturbation":
            vectors = SymbolVectors(_symbol_vectors(backbone, size, symbols), **cut)
            return PerturbationMap(symbols=vectors, vocabulary=vocabulary, length=tokens, padding=config.vectors)
        case "rewriter":
            choice = torch.randperm(len(vocabulary))[: config.source_words]
            return RewriterMap(vocabulary=vocabulary, choice=choice, size=size, window=config.window)


def _output_map(config: SequenceConfig, backbone: Backbone, classes: int, places: int) -> nn.Module:
    vocabulary = backbone.vocabulary
    if config.task == "infill":
        before, behind = _around(config)
        if config.training.mode == "probe":
            backbone.check_layers()
            return StateMap(
                depth=backbone.layers, width=backbone.state_width, classes=classes, before=before, behind=behind
            )
        backbone.check_words("Leave method and training as they are: the probe reads states alone")
        return TokenMap(vocabulary=vocabulary, classes=classes, before=before, behind=behind)
    reading: Reading = "mean" if config.pooling == "mean" else "last"
    if config.output != "head":
        backbone.check_words("Pass output='head'")
    elif config.training.mode == "probe":
        backbone.check_layers()
    match config.output:
        case "head" if config.training.mode == "probe":
            return LayerHead(depth=backbone.layers, width=backbone.state_width, outputs=classes, places=places)
        case "head":
            pooling: PoolingKind = "attention" if config.pooling == "auto" else config.pooling
            return PooledHead(
                width=backbone.state_width, outputs=classes, pooling=pooling, dropout=config.adapter.dropout
            )
        case "verbaliser" | "words":
            words = _label_vectors(config, backbone, classes)
            return Verbaliser(words, trains=config.output == "verbaliser", pooling=reading)
        case _:
            many, renewals = config.words_per_class, {"random": "never", "frequency": "start", "iterative": "epoch"}
            if classes * many > len(vocabulary):
                raise ConfigError(
                    f"{classes} classes of {many} words each need {classes * many} words; backbone {backbone.name!r} "
                    f"has {len(vocabulary)}. Pass words_per_class=..."
                )
            assignment = random_map(len(vocabulary), classes, many)
            renewal: Renewal = renewals[config.output]  # type: ignore[assignment]
            return LabelMap(vocabulary=vocabulary, assignment=assignment, renewal=renewal, pooling=reading)


def _properties(config: SequenceConfig, size: int, symbols: Sequence[str]) -> Float[Tensor, "symbol property"] | None:
    """Of residues, and the mean of all for the unknown one; nothing is known of other symbols."""
    if config.kind != "protein" or len(symbols) != size - 2:
        return None
    known = residue_properties(symbols)
    return torch.from_numpy(np.concatenate([known, np.zeros_like(known[:1])]))


def _symbol_vectors(backbone: Backbone, size: int, symbols: Sequence[str]) -> Float[Tensor, "symbol width"]:
    """Padding is 0, a symbol the mean of its text's words, the unknown the mask token or the mean word."""
    vocabulary = backbone.vocabulary.float()
    tokens = backbone.tokenise(symbols) if symbols else torch.randperm(len(vocabulary))[: size - 2, None].tolist()
    hidden = backbone.tokenizer.mask_token_id
    unknown = vocabulary.mean(0) if hidden is None else vocabulary[hidden]
    return torch.cat([torch.zeros_like(vocabulary[:1]), word_vectors(vocabulary, tokens), unknown[None]])


def _label_vectors(config: SequenceConfig, backbone: Backbone, classes: int) -> Float[Tensor, "class width"]:
    words = backbone.vocabulary.float()
    if not config.label_words:
        return words.std(0) * torch.randn(classes, words.shape[1])
    if len(config.label_words) != classes:
        raise ConfigError(
            f"label_words must hold one word for each class; got {len(config.label_words)} for {classes} classes"
        )
    return word_vectors(words, backbone.tokenise(config.label_words))
