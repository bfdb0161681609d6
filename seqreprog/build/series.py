"""Config and backbone to a model of whole series: the only place where a name becomes one of its modules."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from ..config.series import SeriesConfig
from ..errors import ConfigError
from ..inputs.bridge import FrozenBridge
from ..inputs.perturbation import PerturbationMap
from ..inputs.prototype import PrototypeMap
from ..inputs.views import View, Views
from ..model import InstanceReprogram
from ..outputs.labels import LabelMap, Renewal, random_map
from ..outputs.layers import LayerHead
from ..outputs.pooled import PooledHead
from ..outputs.views import JoinedViews
from ..sources.language import Backbone
from ..sources.process import seeded
from .forecast import make_prototypes, warn_if_heavy

PATCH = 9  # values of a patch: few enough for a random direction to be a shape
REACH = 3.0  # attention sharp enough to tell shapes apart: see docs/results-classification.md
REMEDY = "Pass a smaller positions=... or padding=..."


class Span(NamedTuple):
    """One view: the share of a usual series that a patch spans (0: neighbouring steps), and what is read of it."""

    share: float
    own: bool = True  # scaled by itself, not as the training set
    levelled: bool = True  # shape alone
    differenced: bool = False


# Chosen by cross-validation on training files: see docs/results-classification.md.
SPANS = (
    Span(0.0),
    Span(0.07),
    Span(0.15),
    Span(0.4),
    Span(0.15, own=False, levelled=False),
    Span(0.4, own=False, levelled=False),
    Span(0.0, differenced=True),
    Span(0.15, differenced=True),
    Span(0.4, differenced=True),
)
# As good on training files as one that is scaled by itself: see the same page.
BRIDGE = (Span(0.15, own=False, levelled=False),)


def build_series_model(
    config: SeriesConfig, backbone: Backbone, *, channels: int, classes: int, length: int, fresh: bool = True
) -> InstanceReprogram:
    """A model, the same for the same `config.seed`; the caller's random state is left as it was.

    Args:
        config: what to build.
        backbone: the frozen language model.
        channels: of a series.
        classes: how many logits or values.
        length: steps of a usual series, which spans are shares of.
        fresh: whether prototypes start at k-means centres; not worth the time where saved weights replace them.

    Raises:
        BackboneError: positions and padding are more than the backbone has.
        ConfigError: the vocabulary has too few words for the label map.
    """
    perturbed = config.form == "voice2series"
    backbone.check_positions(config.positions + (config.padding if perturbed else 0), REMEDY)
    with seeded(config.seed):
        spans = BRIDGE if perturbed else SPANS
        input_map: nn.Module = _prototype_map(config, backbone, spans, channels, length, fresh)
        if perturbed:
            input_map = PerturbationMap(
                symbols=FrozenBridge(input_map), vocabulary=backbone.vocabulary, length=config.positions,
                padding=config.padding,
            )  # fmt: skip
        output_map = _output_map(config, backbone, classes, len(spans))
    model = InstanceReprogram(input_map=input_map, backbone=backbone, output_map=output_map)
    if fresh and not config.probed:
        warn_if_heavy(model)
    return model


def _prototype_map(
    config: SeriesConfig, backbone: Backbone, spans: tuple[Span, ...], channels: int, length: int, fresh: bool
) -> PrototypeMap:
    options = config.adapter
    views = [
        View(
            channels=channels, patch=PATCH, step=max(1, int(span.share * length / (PATCH - 1))), hidden=options.hidden,
            own=span.own, levelled=span.levelled, differenced=span.differenced,
        )
        for span in spans
    ]  # fmt: skip
    return PrototypeMap(
        patches=Views(views, positions=config.positions, hidden=options.hidden),
        prototypes=make_prototypes(options, backbone, config.seed, fresh),
        heads=options.heads,
        head_width=options.head_width,
        vocabulary=backbone.vocabulary,
        reach=REACH,
    )


def _output_map(config: SeriesConfig, backbone: Backbone, classes: int, views: int) -> nn.Module:
    if config.form == "prototype":
        if config.probed:
            backbone.check_layers()
            return LayerHead(depth=backbone.layers, width=backbone.state_width, outputs=classes, views=views)
        head = PooledHead(
            width=backbone.state_width, outputs=classes, pooling="attention", dropout=config.adapter.dropout
        )
        return JoinedViews(head, views)
    backbone.check_words("Pass form='prototype'")
    words, many = len(backbone.vocabulary), config.words_per_class
    if classes * many > words:
        raise ConfigError(
            f"{classes} classes of {many} words each need {classes * many} words; backbone {backbone.name!r} has "
            f"{words}. Pass words_per_class=..."
        )
    renewals: dict[str, Renewal] = {"random": "never", "frequency": "start", "iterative": "epoch"}
    return LabelMap(
        vocabulary=backbone.vocabulary, assignment=random_map(words, classes, many),
        renewal=renewals[config.mapping], pooling="mean",
    )  # fmt: skip
