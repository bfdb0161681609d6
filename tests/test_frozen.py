"""Models that earlier code saved answer as they did then, and a fit on the same data still gives the same answers.

`frozen/` holds the models and the answers; `frozen/make.py` says what made them. Where the machine rounds as that one
did and the libraries that compute are the same, answers must agree to the bit.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqreprog import Notice

sys.path.insert(0, str(Path(__file__).resolve().parent / "frozen"))

from case import (
    COMPUTING,
    HERE,
    Answers,
    Case,
    machine,
    model_path,
    one_thread,
    read_answers,
    read_model,
)
from cases import cases

CASES = cases()
KEPT = [name for name, case in CASES.items() if case.kept]
# Cases whose batches are others than when they were frozen, so that sums are rounded otherwise, and what an answer may
# differ by, relative to the largest of its kind. Whoever changes batches on purpose names the cases here, and says why.
# The probe of sequences reads full batches now, where it read parts of equal size: one solver stops elsewhere for that.
REBATCHED: dict[str, float] = {"classifier-many-probe": 1e-2, "regressor-spellings": 1e-5}
# Fits whose intervals are others on purpose: of few held-out windows both sides of an interval share their factor.
SHARED_FACTORS = {
    *("forecast-ridge-alone", "forecast-levels-mae-train", "forecast-levels-mae-probe"),
    *("forecast-nothing-held-out-train", "forecast-nothing-held-out-probe"),
    *("sktime-forecaster", "sktime-panel-forecaster"),
}
# The same for a saved model on a machine, or with libraries, that round otherwise. Measured with the kernels for AVX2
# instead of AVX-512: 1.2e-6; with MKL and OpenBLAS held to those of old CPUs too: 4.2e-5, of a probe whose weights are
# large. Of a fit answers differ by up to 5e-4, and its report by 8e-3, where one held-out example changes its class.
ELSEWHERE = 1e-4
UNSEALED = 1  # format of artifacts from before they held a digest


@pytest.fixture(autouse=True)
def pinned() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    with one_thread():
        return machine()


def differing(made: dict[str, Any], here: dict[str, Any], *others: str) -> list[str]:
    """What decides on the last bits and is not as it was."""
    found = [f"{what} {made[what]}, here {here[what]}" for what in ("cpu", "rounding") if made[what] != here[what]]
    for name in (*COMPUTING, *others):
        before, now = (one["libraries"].get(name) for one in (made, here))
        if before != now:
            found.append(f"{name} {before}, here {now}")
    return found


def compare(found: Answers, frozen: dict[str, np.ndarray], tolerance: float) -> None:
    assert list(found) == list(frozen)
    for what, before in frozen.items():
        now = np.asarray(found[what])
        if tolerance == 0 or before.dtype.kind not in "fi":
            np.testing.assert_array_equal(now, before, err_msg=what)
            continue
        assert now.shape == before.shape, what
        size = np.nanmax(np.abs(before), initial=0.0)
        np.testing.assert_allclose(now, before, rtol=0, atol=tolerance * size, err_msg=what)


def prepared(name: str, here: dict[str, Any]) -> tuple[Case, dict[str, Any], dict[str, np.ndarray]]:
    case, (made, frozen) = CASES[name], read_answers(name)
    for package in case.needs:
        pytest.importorskip(package)
    if made["drawn"] != here["drawn"]:
        pytest.skip(f"{name} was frozen with {made['cpu']}; here, with {here['cpu']}, tiny-random has other weights")
    return case, made, frozen


def test_every_case_is_frozen_and_nothing_else() -> None:
    assert sorted(file.stem for file in (HERE / "answers").iterdir()) == sorted(CASES)
    assert sorted((HERE / "models").iterdir()) == sorted(model_path(name, CASES[name]) for name in KEPT)


@pytest.mark.parametrize("name", KEPT)
def test_a_saved_model_answers_as_it_did(name: str, here: dict[str, Any]) -> None:
    case, made, frozen = prepared(name, here)
    if case.pickled and "sktime" in case.needs:  # such a pickle holds objects of these, whose form is theirs
        for package in ("sktime", "pandas"):
            if (now := version(package)) != made["libraries"][package]:
                pytest.skip(f"{name} was pickled with {package} {made['libraries'][package]}, here is {now}")
    if case.pickled and version("numpy").startswith("1."):
        pytest.skip(f"{name} was pickled with numpy {made['libraries']['numpy']}, whose modules numpy 1 does not have")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = read_model(name, case)
        answers = case.answer(model)
    if not case.pickled and format_of(name) == UNSEALED:
        said = [one for one in caught if issubclass(one.category, Notice) and "was saved before" in str(one.message)]
        assert len(said) == 1, [str(one.message) for one in caught]
    compare(answers, frozen, ELSEWHERE if differing(made, here) else REBATCHED.get(name, 0.0))


@pytest.mark.parametrize("name", CASES)
def test_a_fit_gives_the_answers_that_it_gave(name: str, here: dict[str, Any]) -> None:
    case, made, frozen = prepared(name, here)
    if changed := differing(made, here, *case.needs):  # training amplifies what rounding does
        pytest.skip(f"{name} was frozen with {'; '.join(changed)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # toy data give cause for many notices, and options may have new names
        answers = case.answer(case.fit())
    if name in SHARED_FACTORS:
        answers, frozen = (without_intervals(one) for one in (answers, frozen))
    compare(answers, frozen, REBATCHED.get(name, 0.0))


def without_intervals(answers: Any) -> dict[str, np.ndarray]:
    """The point forecasts: the first column of a forecast, and nothing of what sktime calls quantiles."""
    kept = {what: np.asarray(one) for what, one in answers.items() if what != "quantiles"}
    return {what: one[:, :1] if one.ndim == 2 else one for what, one in kept.items()}


def format_of(name: str) -> int:
    return json.loads((HERE / "models" / name / "seqreprog.json").read_text(encoding="utf-8"))["format_version"]


def test_answers_are_told_apart() -> None:
    """The referee sees one bit, and nothing of what is allowed elsewhere."""
    frozen = {"answers": np.array([[0.25, np.nan, 0.75]]), "filled": np.array(["AC"])}
    near = {"answers": np.nextafter(frozen["answers"], 1), "filled": ["AC"]}
    compare(near, frozen, 1e-6)
    for wrong in (near, {**frozen, "filled": ["AG"]}, {"answers": frozen["answers"]}):
        with pytest.raises(AssertionError):
            compare(wrong, frozen, 0.0)
    with pytest.raises(AssertionError):
        compare({**frozen, "answers": frozen["answers"] + 1e-5}, frozen, 1e-6)
