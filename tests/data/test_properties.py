"""Residue properties: on one scale, known relations hold, and what is unknown is the mean."""

from __future__ import annotations

import numpy as np

from seqreprog.data.properties import SCALES, residue_properties

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def test_each_property_has_mean_0_and_spread_1() -> None:
    found = residue_properties(LETTERS)
    assert found.shape == (20, len(SCALES))
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(0), 1)


def test_known_relations_hold_and_an_unknown_residue_is_the_mean() -> None:
    order = {name: "".join(np.array(list(LETTERS))[np.argsort(scale)]) for name, scale in SCALES.items()}
    assert order["volume"][0] + order["volume"][-1] == "GW"
    assert order["isoelectric point"][0] + order["isoelectric point"][-1] == "DR"
    assert order["hydropathy"][0] + order["hydropathy"][-1] == "RI"
    assert (order["helix"][-1], order["sheet"][-1]) == ("E", "V")
    assert set(order["turn"][-4:]) == set("NGPD")
    assert not residue_properties(["X", "*"]).any()
    near = residue_properties(["I", "V", "D"])
    assert np.linalg.norm(near[0] - near[1]) < np.linalg.norm(near[0] - near[2]) / 2
