"""Every example runs as a user would run it, only with a tiny language model, and stays short enough to copy."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import seqreprog
from seqreprog.estimators import forecaster

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
BENCHMARKS = sorted(EXAMPLES.glob("benchmarks/*.py"))
LONGEST = 60  # lines


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, make_backbone: Callable[[str], Path]) -> None:
    """Whatever backbone is asked for, a tiny one is given."""
    path, usual = str(make_backbone("bert")), forecaster.load_backbone
    monkeypatch.setattr(forecaster, "load_backbone", lambda name, layers=None: usual(path, layers))


def test_there_are_examples() -> None:
    assert SCRIPTS


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::seqreprog.errors.Notice")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("tiny")
def test_example_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path)])
    load(path).main()
    shown = capsys.readouterr().out
    assert "seqreprog" in shown
    assert "nan" not in shown.lower()
    assert not os.listdir(tmp_path), "an example leaves nothing behind where it was started"
    if path.stem == "sktime_compare":  # here rather than in a test of its own, for it takes seconds
        check_comparison([line for line in shown.splitlines() if line.startswith("  ")])


def check_comparison(rows: list[str]) -> None:
    """Only our weights depend on the data, and the sine is forecast far better than naively with any language model."""
    changed = [line.endswith("weights: changed by other data") for line in rows]
    assert changed == 2 * [False, False, True, True]
    assert [line.endswith("weights: the same after other data") for line in rows] == 2 * [False, True, False, False]
    naive, _, pure, whole = (float(line[44:54]) for line in rows[4:])
    assert max(pure, whole) < naive / 3


@pytest.mark.parametrize("path", SCRIPTS + BENCHMARKS, ids=lambda path: path.stem)
def test_script_is_short_and_says_how_to_run_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path in SCRIPTS:
        assert len(text.splitlines()) <= LONGEST
    header = text.split('"""')[1]
    assert f"Run it: python {path.relative_to(EXAMPLES.parent).as_posix()}" in header
    assert 'if __name__ == "__main__":\n    main()' in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_example_uses_public_names_only(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("from seqreprog"):
            home, names = line.removeprefix("from ").split(" import ")
            assert home in ("seqreprog", "seqreprog.sktime")
            assert set(names.replace(" ", "").split(",")) <= set(import_module(home).__all__)


@pytest.mark.usefixtures("tiny")
def test_m4_benchmark_scores_a_miniature_of_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three series in M4's layout; the seasonal naive is right but for a known step, so its scores are known."""
    module = load(EXAMPLES / "benchmarks" / "m4_hourly.py")
    monkeypatch.setattr(module, "CONTEXT", 64)
    m4(tmp_path)
    arguments = ["m4_hourly.py", "--data", str(tmp_path), "--seeds", "0", "--json", str(tmp_path / "out.json")]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(module, "Training", lambda **options: seqreprog.Training(**{**options, "max_steps": 2}))
    module.main()
    found = json.loads((tmp_path / "out.json").read_text())
    assert found == json.loads(capsys.readouterr().out)
    models = found["runs"][0]["models"]
    assert set(models) == {"seqreprog", "ridge", "seasonal_naive"}
    # every phase of the day rises by 1 a day: one day behind and two, against 1 in the training part
    assert models["seasonal_naive"]["MASE"] == pytest.approx(1.5)
    assert 0 <= found["runs"][0]["coverage-80"] <= 1


@pytest.mark.usefixtures("tiny")
def test_speed_benchmark_sets_every_form_against_the_limit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make_backbone: Callable[[str], Path],
) -> None:
    """What does not depend on the clock: the keys, the tokens, the bytes kept."""
    monkeypatch.syspath_prepend(EXAMPLES / "benchmarks")
    module = load(EXAMPLES / "benchmarks" / "speed.py")
    usual = module.load_backbone
    monkeypatch.setattr(
        module, "load_backbone", lambda name: usual(make_backbone("bert") if name == "minilm" else name)
    )
    out = tmp_path / "out.json"
    arguments = ["speed.py", "--quick", "--rounds", "1", "--json", str(out), "--plot", str(tmp_path / "out.png")]
    monkeypatch.setattr(sys, "argv", arguments)
    threads = torch.get_num_threads()
    module.main()
    torch.set_num_threads(threads)
    found = json.loads(out.read_text())
    assert found == json.loads(capsys.readouterr().out)
    forms = ["paper", "default", "no_statistics"]
    for name, expected in (("gpt2", forms), ("minilm", [*forms, "bidirectional", "prefix"])):
        for what in ("train", "infer", "saved"):
            assert list(found[name][what]) == expected
            assert all(each["ratio"] > 0 and each["spread"] >= 0 for each in found[name][what].values())
        tokens = found[name]["tokens"]
        assert tokens["no_statistics"]["statistics"] == 0 < tokens["default"]["statistics"]
        assert tokens["default"]["statistics"] < tokens["paper"]["statistics"]
        assert len({each["static"] for each in tokens.values()}) == 1
    saved = found["gpt2"]["saved"]
    assert 1 < saved["no_statistics"]["ratio"] < saved["default"]["ratio"] < saved["paper"]["ratio"]
    assert set(found["growth"]) == {"torch", "batch", "series", "layers"}
    assert (tmp_path / "out.png").stat().st_size > 10_000
    del found["growth"]
    out.write_text(json.dumps(found))
    monkeypatch.setattr(module, "measure", lambda cases, rounds: {name: {} for name in ("train", "infer", "saved")})
    monkeypatch.setattr(module, "growth", lambda *given: {"batch": {}})
    monkeypatch.setattr(sys, "argv", arguments[:-2])
    module.main()
    torch.set_num_threads(threads)
    assert {name: part for name, part in json.loads(out.read_text()).items() if name != "growth"} == found


def test_speed_benchmark_divides_by_the_limit_around_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of our own: the limit takes 2, then 3, then 4 ... seconds, each piece of work 10."""
    monkeypatch.syspath_prepend(EXAMPLES / "benchmarks")
    clock = load(EXAMPLES / "benchmarks" / "speed_parts" / "clock.py")
    now, lengths = [0.0], iter([99.0, 2.0, 3.0, 4.0])

    def limit() -> None:
        now[0] += next(lengths)

    monkeypatch.setattr(clock, "clock", lambda: now[0])
    pacer = clock.Pacer(limit, skip=0)
    for _ in range(3):
        pacer.turn()
        now[0] += 10
    assert pacer.ratios == [10 / 2.5, 10 / 3.5]
    assert pacer.result() == {"ratio": 3.429, "spread": 0.571, "limit_seconds": 3.0}


def test_saved_bytes_counts_memory_once_and_no_weights() -> None:
    clock = load(EXAMPLES / "benchmarks" / "speed_parts" / "clock.py")
    weight, inputs = torch.zeros(3, 3, requires_grad=True), torch.ones(5, 3, requires_grad=True)

    def forward() -> torch.Tensor:
        product = inputs @ weight  # keeps both: 60 bytes and the weight
        return product.sigmoid()  # keeps its own answer: 60 bytes

    assert clock.saved_bytes(forward, [weight]) == 120


def m4(folder: Path) -> None:
    """H1, H2 and H10, a row each: 50 + hour of the day + day; H10 is shorter, so its row ends in empty cells."""
    lengths = {"H1": 240, "H2": 240, "H10": 192}
    head = ",".join(f'"V{place}"' for place in range(1, 242))
    train = [head]
    test = [",".join(f'"V{place}"' for place in range(1, 50))]
    for name, length in lengths.items():
        values = [str(50 + step % 24 + step // 24) for step in range(length + 48)]
        train.append(",".join([name, *values[:length], *[""] * (240 - length)]))
        test.append(",".join([name, *values[length:]]))
    (folder / "Hourly-train.csv").write_text("\n".join(train) + "\n")
    (folder / "Hourly-test.csv").write_text("\n".join(test) + "\n")


def test_covariate_benchmark_reads_what_alone_tells_the_future(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentences share no word, the history tells nothing, and finished runs are not repeated."""
    monkeypatch.syspath_prepend(EXAMPLES / "benchmarks")
    module = load(EXAMPLES / "benchmarks" / "covariates.py")
    assert not module.shared_words()
    shops = module.learned_shops(0)
    kinds = {text: kind for kind, group in import_module("covariate_parts.sentences").LEARNED.items() for text in group}
    place = shops.groupby("shop").cumcount()
    scaled = (shops["sales"] - shops.groupby("shop")["sales"].transform("first")) / shops["spread"]
    means = scaled.groupby([shops["plan"].map(kinds), place >= module.HISTORY]).mean().unstack()
    assert np.ptp(means[False]) < 0.2, "before, all kinds are alike"
    assert means[True]["closing"] < means[True]["nothing"] - 1 < means[True]["later"] < means[True]["promotion"]
    monkeypatch.setattr(module, "told", lambda form, how, seed: {"mae": 1.0 + len(form), "mse": 2.0, "weight": 1.0})
    out = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", f"covariates.py --parts text --how probe --seeds 0 --json {out}".split())
    module.main()
    found = json.loads(out.read_text())
    assert found == json.loads(capsys.readouterr().out)
    ratios = {row["form"]: row["mae ratio"] for row in found["compared"]}
    assert ratios["without"] == 1
    assert ratios["with"] == pytest.approx((1 + len("with")) / (1 + len("without")))
    monkeypatch.setattr(module, "told", None)
    module.main()


def test_covariate_benchmark_runs_on_a_tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES / "benchmarks")
    module = load(EXAMPLES / "benchmarks" / "covariates.py")
    small = module.promoted_shops(0, shops=4, days=210)
    monkeypatch.setattr(module, "promoted_shops", lambda seed: small)
    errors = {form: module.promoted(form, "probe", 0, "tiny-random")["mae"] for form in module.EXOGENOUS_FORMS}
    assert errors["with"] < 0.5 * errors["without"]
    assert errors["shuffled"] > 0.7 * errors["without"]
    assert set(module.told("with", "probe", 0, "tiny-random")) == {"mae", "mse", "weight"}
