"""Config and backbone to a model: the only place where a name becomes a module."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from torch import nn

from ..config.forecast import Adapter, ForecastConfig
from ..errors import BackboneError, Notice
from ..inputs.patch import PatchEmbedding
from ..inputs.prompt import PromptWriter, static_text
from ..inputs.prototype import (
    DirectPrototypes,
    LinearPrototypes,
    PrototypeMap,
    WordPrototypes,
    kmeans_centres,
    word_vectors,
)
from ..model import Reprogram, SeriesReprogram, count_weights
from ..outputs.heads import ForecastHead
from ..sources.language import Backbone
from ..sources.process import seeded
from ..sources.sentences import sentence_tokens

PROBE_REACH = 0.1  # a start that nothing trains must not lose what the window holds; chosen on validation windows
UNIT_DIGITS = 3  # significant digits of a statistic in the series' own units
LONGEST_STATISTIC = " -0.000123"  # a number as long as they get, to know the prompt's length beforehand


def build_forecaster(config: ForecastConfig, backbone: Backbone, *, fresh: bool = True) -> SeriesReprogram:
    """A model, the same for the same `config.seed`; the caller's random state is left as it was.

    Args:
        config: what to build.
        backbone: the frozen language model.
        fresh: whether prototypes start at k-means centres; not worth the time where saved weights replace them.

    Raises:
        BackboneError: prompt and patches need more positions than the backbone has, or it cannot read a prompt so.
    """
    backbone.check_reading(config.prompt.reading)
    writer = build_prompt(config, backbone)
    backbone.check_positions(
        _tokens(writer, config),
        "Shorten prompt or context, or use a longer patch and stride: adapter=Adapter(patch=..., stride=...)",
    )
    options = config.adapter
    with seeded(config.seed):
        patches = PatchEmbedding(
            patch=options.patch,
            stride=options.stride,
            length=config.patches,
            hidden=options.hidden,
            channels=1 + len(config.covariates.numeric),
        )
        vocabulary = backbone.vocabulary
        input_map = PrototypeMap(
            patches=patches,
            prototypes=make_prototypes(options, backbone, config.seed, fresh),
            heads=options.heads,
            head_width=options.head_width,
            vocabulary=vocabulary,
            reach=PROBE_REACH if config.training.mode == "probe" else 1.0,
        )
        output_map = ForecastHead(
            width=backbone.state_width,
            length=config.slots,
            horizon=config.horizon,
            quantiles=config.quantile_levels,
            features=options.features,
            dropout=options.dropout,
        )
    model = SeriesReprogram(
        input_map=input_map,
        backbone=backbone,
        output_map=output_map,
        static=writer.static,
        reading=config.prompt.reading,
    )
    if fresh and config.training.mode != "probe":  # where saved weights follow nothing trains, nor does a probe's theta
        warn_if_heavy(model)
    return model


def build_prompt(config: ForecastConfig, backbone: Backbone) -> PromptWriter:
    """What writes each window's prompt; a prompt with nothing to say has no tokens at all, not even an opening one."""
    text = static_text(config.prompt.domain, config.prompt.task, context=config.context, horizon=config.horizon)
    static = backbone.tokenise([text])[0] if text else []
    if static or config.prompt.parts or config.covariates.static:
        static = backbone.opening() + static
    return PromptWriter(
        static=static,
        parts=config.prompt.parts,
        tokenise=backbone.tokenise,
        digits=UNIT_DIGITS if config.prompt.statistics == "units" else None,
    )


def check_sentences(config: ForecastConfig, backbone: Backbone, texts: Sequence[str]) -> None:
    """Refuses sentences that do not fit beside prompt and patches.

    Raises:
        BackboneError: which one, with both numbers.
    """
    if config.covariates.static is None or backbone.positions is None or not len(texts):
        return
    room = backbone.positions - _tokens(build_prompt(config, backbone), config)
    lengths = [len(tokens) for tokens in sentence_tokens(backbone, texts)]
    longest = max(lengths)
    if longest > room:
        text = texts[lengths.index(longest)]
        raise BackboneError(
            f"the text {text[:40]!r}... has {longest} tokens; beside prompt and patches backbone {backbone.name!r} has "
            f"room for {room} of its {backbone.positions} positions ({sum(each > room for each in lengths)} such "
            "texts). Shorten them"
        )


def _tokens(writer: PromptWriter, config: ForecastConfig) -> int:
    """The most that prompt and patches take, sentences apart."""
    widest = writer.tokenise([LONGEST_STATISTIC])[0]
    statistics = sum(len(ids) + 3 * len(widest) for ids in writer.tokenise([f" {part}" for part in writer.parts]))
    return len(writer.static) + statistics + config.patches


def make_prototypes(options: Adapter, backbone: Backbone, seed: int, fresh: bool) -> nn.Module:
    """The prototypes that `options` ask for; `fresh` as in `build_forecaster`."""
    match options.prototypes:
        case "direct":
            vocabulary = backbone.vocabulary
            count = min(options.n_prototypes, len(vocabulary))
            return DirectPrototypes(kmeans_centres(vocabulary, count, seed) if fresh else vocabulary[:count])
        case "linear":
            return LinearPrototypes(backbone.vocabulary, options.n_prototypes)
        case "words":
            return WordPrototypes(word_vectors(backbone.vocabulary, backbone.tokenise(options.words)))


def warn_if_heavy(model: Reprogram) -> None:
    """Says so where more weights train than are frozen."""
    count = count_weights(model, probed=False)
    if count.trained > count.frozen:
        warnings.warn(
            f"{count.trained:,} weights train, more than the {count.frozen:,} that are frozen: this is closer to "
            "training a model than to reprogramming one. prototypes='direct' or fewer n_prototypes train far fewer",
            Notice,
            stacklevel=3,
        )
