"""One answer from several views of an example, each a row of the language model."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from .pooled import PooledHead


class JoinedViews(nn.Module):
    """A pooled head that reads the states of all `views` of an example as one sequence of them."""

    def __init__(self, head: PooledHead, views: int) -> None:
        super().__init__()
        self.head, self.views = head, views

    def forward(
        self, hidden: Float[Tensor, "row length width"], mask: Bool[Tensor, "row length"]
    ) -> Float[Tensor, "batch class"]:
        joined = (-1, self.views)
        return self.head(hidden.unflatten(0, joined).flatten(1, 2), mask.unflatten(0, joined).flatten(1, 2))
