"""sktime's own conformance suite for the classifier and the regressor."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

pytest.importorskip("sktime")

from sktime.utils.estimator_checks import check_estimator, parametrize_with_checks

from seqreprog.sktime import ReprogClassifier, ReprogRegressor

# Each of these fits many times.
LONG = {
    "test_methods_have_no_side_effects",
    "test_non_state_changing_method_contract",
    "test_fit_idempotent",
    "test_multiprocessing_idempotent",
    "test_save_estimators_to_file",
    "test_persistence_via_pickle",
    "test_fit_updates_state_and_cutoff",
    "test_fit_does_not_overwrite_hyper_params",
}
KINDS = (ReprogClassifier, ReprogRegressor)
CHECKS = [
    pytest.param(estimator, name, id=f"{kind.__name__}-{name}", marks=[pytest.mark.slow] if name in LONG else [])
    for kind in KINDS
    for estimator, name in parametrize_with_checks(kind).args[1]
]


@pytest.mark.filterwarnings("ignore::FutureWarning:sktime")
@pytest.mark.filterwarnings("ignore::seqreprog.errors.Notice")
@pytest.mark.parametrize(("estimator", "name"), CHECKS)
def test_sktime_agrees(estimator: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "test_constructor":  # which reads the signature without looking behind the check of types
        monkeypatch.setattr(estimator, "__init__", inspect.unwrap(estimator.__init__))
    check_estimator(estimator, tests_to_run=name, raise_exceptions=True, verbose=False)


@pytest.mark.parametrize("kind", KINDS)
def test_no_check_of_sktime_is_skipped(kind: Any) -> None:
    tags = kind.get_class_tags()
    assert not [tag for tag in tags if tag.startswith("tests:skip") and tags[tag]]
