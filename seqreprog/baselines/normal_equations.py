"""Least squares for many steps at once from sums over windows: one eigendecomposition for all steps and penalties.

    y_h = W_h^T x + V_h^T z_h

`x` is what every step h reads, `z_h` what step h alone reads (the covariates known of it). With the eigenvectors of
sum x x^T the block of `V_h` is a Schur complement of the size of `z_h`, so a step costs a few products more than it
would without. Source: Frisch and Waugh 1933 and Lovell 1963 (partitioned regression), here with a penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Moments:
    """What least squares needs to know of all training windows, on one scaling."""

    gram: Float[np.ndarray, "feature feature"]  # sum of x x^T over all windows
    cross: Float[np.ndarray, "feature horizon"]  # sum of x y^T where y was observed
    seen: Float[np.ndarray, " horizon"]  # windows that saw each step
    windows: int  # windows that saw any input
    context: int  # how many features, the first ones, are the context: penalties are relative to their mean diagonal
    own_gram: Float[np.ndarray, "horizon own own"]  # sum of z_h z_h^T where y_h was observed
    own_shared: Float[np.ndarray, "horizon feature own"]  # sum of x z_h^T, likewise
    own_cross: Float[np.ndarray, "horizon own"]  # sum of z_h y_h

    @property
    def complete(self) -> bool:
        return bool((self.seen == self.windows).all())

    def part(self, feature: Int[np.ndarray, " chosen"], own: Int[np.ndarray, " kept"]) -> Moments:
        """The moments of some of the features alone."""
        if len(feature) == len(self.gram) and len(own) == self.own_cross.shape[1]:
            return self
        return Moments(
            self.gram[np.ix_(feature, feature)],
            self.cross[feature],
            self.seen,
            self.windows,
            self.context,
            self.own_gram[:, own[:, None], own],
            self.own_shared[:, feature[:, None], own],
            self.own_cross[:, own],
        )


def solve_shared(
    moments: Moments, penalties: Float[np.ndarray, " penalty"]
) -> tuple[Float[np.ndarray, "feature penalty horizon"], Float[np.ndarray, "penalty horizon own"]]:
    """W and V for every penalty; a step that half the windows saw gets half the Gram matrix."""
    roots, basis = np.linalg.eigh(moments.gram)
    roots = np.maximum(roots, 0.0)
    plain = len(roots) == moments.context
    unit = (roots.mean() if plain else moments.gram.diagonal()[: moments.context].mean()) or 1.0  # 0: they never change
    gains = inverse(roots[:, None] + penalties * unit)
    share = moments.seen / moments.windows
    turned = basis.T @ (moments.cross * inverse(share))
    steps, own = moments.own_cross.shape
    found = np.zeros((len(penalties), steps, own))
    if not own:
        return np.tensordot(basis, gains[:, :, None] * turned[:, None, :], axes=1), found
    slant = basis.T @ (moments.own_shared * inverse(share)[:, None, None])
    gram = moments.own_gram * inverse(share)[:, None, None]
    aim = moments.own_cross * inverse(share)[:, None]
    left = np.empty((len(gains), len(penalties), steps))
    for place, penalty in enumerate(penalties):
        damped = slant * gains[:, place, None]
        block = gram + penalty * unit * np.eye(own) - damped.transpose(0, 2, 1) @ slant
        rest = aim - np.einsum("hfo,fh->ho", damped, turned)
        found[place] = np.linalg.solve(block, rest[:, :, None])[:, :, 0]
        left[:, place] = turned - np.einsum("hfo,ho->fh", slant, found[place])
    return np.tensordot(basis, gains[:, :, None] * left, axes=1), found


def inverse(values: np.ndarray) -> np.ndarray:
    """1 / values, and 0 where a direction or step was never seen."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
