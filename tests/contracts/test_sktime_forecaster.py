"""sktime's own conformance suite. What it cannot see (that anything is learned) is in tests/sktime."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

pytest.importorskip("sktime")

from sktime.utils.estimator_checks import check_estimator, parametrize_with_checks

from seqreprog.sktime import ReprogForecaster

# Each of these fits dozens of times.
LONG = {
    "test_deepcopy_fitted_predict",
    "test_methods_have_no_side_effects",
    "test_non_state_changing_method_contract",
    "test_predict_interval",
    "test_predict_time_index",
    "test_predict_time_index_with_X",
    "test_save_estimators_to_file",
    "test_update_predict_predicted_index",
}
CHECKS = [
    pytest.param(estimator, name, id=name, marks=[pytest.mark.slow] if name in LONG else [])
    for estimator, name in parametrize_with_checks(ReprogForecaster).args[1]
]


@pytest.mark.filterwarnings("ignore::FutureWarning:sktime")
@pytest.mark.filterwarnings("ignore::seqreprog.errors.Notice")
@pytest.mark.parametrize(("estimator", "name"), CHECKS)
def test_sktime_agrees(estimator: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "test_constructor":  # which reads the signature without looking behind the check of types
        monkeypatch.setattr(estimator, "__init__", inspect.unwrap(estimator.__init__))
    check_estimator(estimator, tests_to_run=name, raise_exceptions=True, verbose=False)


def test_no_check_of_sktime_is_skipped() -> None:
    tags = ReprogForecaster.get_class_tags()
    assert not [tag for tag in tags if tag.startswith("tests:skip") and tags[tag]]
