"""The benchmark of sequences on a miniature: sets in their real layout, a tiny language model, two steps."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "benchmarks"


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`part("rows")`: a helper module of the script; `part("")`: the script."""
    monkeypatch.syspath_prepend(FOLDER)
    return lambda name: importlib.import_module(f"sequence_parts.{name}" if name else "sequences")


@pytest.fixture
def small(part: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, make_backbone: Callable[[str], Path]) -> None:
    """A tiny language model, two steps, two folds or draws."""
    rows = part("rows")
    training = {"max_steps": 2, "evaluate_every": 1, "progress": False}
    monkeypatch.setattr(rows, "COMMON", {"backbone": str(make_backbone("bert")), "layers": 2, "training": training})
    for name in ("acp", "acp-50"):
        monkeypatch.setitem(rows.ROWS, name, replace(rows.ROWS[name], count=2))


def miniature(root: Path) -> None:
    """Sixty peptides, of which the positive ones hold K where others hold A; and GB1 with four places that vary."""
    draws = np.random.default_rng(0)
    labels = np.arange(60) % 2
    texts = ["".join(draws.choice(list("DEFGK" if label else "DEFGA"), 12)) for label in labels]
    folder = root / "proteins" / "pep_acp_mlacp"
    folder.mkdir(parents=True)
    (folder / "seqs.fasta").write_text("".join(f">Seq_{row}\n{text}\n" for row, text in enumerate(texts)))
    (folder / "classes.txt").write_text("\n".join(map(str, labels)) + "\n")
    folder = root / "proteins" / "FLIP_gb1"
    folder.mkdir()
    lines = ["sequence,target,set,validation"]
    for row in range(60):
        text = "".join(draws.choice(list("AV"), 4))
        lines.append(
            f"MQ{text}{'H' * 60},{text.count('V') + 0.1 * draws.random():.3f},{'test' if row >= 40 else 'train'},"
        )
    with zipfile.ZipFile(folder / "splits.zip", "w") as archive:
        archive.writestr("splits/two_vs_rest.csv", "\n".join(lines) + "\n")


@pytest.mark.usefixtures("small")
def test_it_fits_what_is_missing_and_makes_the_page(
    part: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script, file, written = part(""), tmp_path / "out" / "sequences.json", tmp_path / "page.md"
    miniature(tmp_path)

    def run(*extra: str) -> str:
        usual = ["--data", str(tmp_path), "--seeds", "0", "--json", str(file), "--page", str(written)]
        monkeypatch.setattr(sys, "argv", ["sequences.py", *usual, *extra])
        script.main()
        return capsys.readouterr().out

    sets = ("--sets", "acp", "gb1-two")
    assert "acp            4 fits left" in run("--plan", *sets), "two folds, and one without pretraining in two ways"
    assert len(run(*sets, "--forms", "floor", "base").splitlines()) == 6
    assert len(run(*sets, "--backwards").splitlines()) == 4, (
        "what is finished is not repeated: two forms without pretraining each"
    )
    found = json.loads(file.read_text())
    assert not run(*sets)
    records = {(one["row"], one["place"], one["form"]): one for one in found["records"]}
    assert set(records) == {
        *((row, place, form) for row, place in (("acp", "fold 0"), ("gb1-two", "seed 0"))
          for form in ("floor", "base", "random", "none")),
        ("acp", "fold 1", "floor"), ("acp", "fold 1", "base"),
    }  # fmt: skip
    fit = records["acp", "fold 0", "base"]
    assert (fit["trained_on"], fit["tested_on"]) == (30, 30)
    assert set(fit["test"]) == {"base", "pure"}
    assert found["settings"][fit["settings"]]["training"]["max_steps"] == 2
    assert records["acp", "fold 0", "floor"]["test"]["floor"]["AUC"] > 0.9, "the motif is a residue"
    assert records["gb1-two", "seed 0", "floor"]["test"]["floor"]["Spearman"] > 0.9
    pure = {form: records["acp", "fold 0", form]["test"]["pure"]["AUC"] for form in ("base", "random", "none")}
    assert len(set(pure.values())) > 1, "another backbone answers otherwise"

    text = written.read_text()
    assert "| acp | AUC | 2 |" in text
    assert "GB1, two against the rest, base: Spearman >= 0.594" in text
    assert "| acp, fold 0 | AUC |" in text
    assert "nan" not in text
    (file.parent / "attempts-sequences.md").write_text("## Attempts\n\nA first attempt.\n")
    assert not run(), "the page alone fits nothing"
    assert written.read_text() == text.rstrip("\n") + "\n\n## Attempts\n\nA first attempt.\n"


@pytest.mark.usefixtures("small")
def test_other_settings_are_another_study(
    part: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fit is repeated when settings change, and the figure that was seen is kept and shown."""
    script, rows, file = part(""), part("rows"), tmp_path / "sequences.json"
    miniature(tmp_path)
    usual = ["sequences.py", "--data", str(tmp_path), "--json", str(file), "--page", str(tmp_path / "page.md")]
    monkeypatch.setattr(sys, "argv", [*usual, "--sets", "acp-50", "--forms", "base"])
    script.main()
    monkeypatch.setattr(rows, "OWN", {"acp-50": {"options": {"patch": 2}}})
    script.main()
    found = json.loads(file.read_text())
    assert len(found["records"]) == len(found["earlier"]) == 2
    assert {found["settings"][one["settings"]]["patch"] for one in found["records"]} == {2}
    assert "| patch 1" in (tmp_path / "page.md").read_text()
    assert found["records"][0]["trained_on"] == 50


@pytest.mark.usefixtures("small")
def test_a_fit_without_its_base_is_the_pure_form(part: Callable[[str], Any], tmp_path: Path) -> None:
    miniature(tmp_path)
    data, run = part("sets").read_set("acp", tmp_path), part("run")
    row = part("rows").ROWS["acp"]
    models = [run.estimator(row, 0, base=base).fit(data.texts, data.target) for base in ("linear", "none")]
    alone, pure = (each._fitted() for each in (run.without_base(models[0]), models[1]))
    symbols = models[1]._reread(data.texts, pure).symbols
    assert np.array_equal(alone.scores(symbols), pure.scores(symbols))


@pytest.mark.filterwarnings("ignore::seqreprog.Notice")
def test_one_fit_of_masked_loops_answers_for_both_forms(
    part: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_backbone: Callable[[str], Path]
) -> None:
    draws, folder = np.random.default_rng(0), tmp_path / "proteins" / "antibody_hcdr3"
    folder.mkdir(parents=True)
    with gzip.open(folder / "hcdr3_val_data.jsonl.gz", "wt") as lines:
        for _ in range(60):
            frame, loop = (["".join(draws.choice(list(some), count)) for count in (5, 6)] for some in ("AGS", "KLMR"))
            loop = "D" + loop[0][: draws.integers(1, 5)] + "Y"
            cdr = "0" * 5 + "3" * len(loop) + "0" * 6
            lines.write(json.dumps({"seq": frame[0] + loop + frame[1], "cdr": cdr}) + "\n")
    rows = part("rows")
    plain = {"progress": False, "threads": 1}
    monkeypatch.setattr(rows, "COMMON", {"backbone": str(make_backbone("bert")), "layers": 2, "training": plain})
    infill, row, data = part("infill"), rows.ROWS["h3"], part("sets").read_set("h3", tmp_path)
    place = part("sets").places(row, data, [0])[0]
    found = part("run").run(row, data, place, "base", part("run").Backbones(tmp_path))
    floor = part("run").run(row, data, place, "floor", part("run").Backbones(tmp_path))
    for form, test in (*found["test"].items(), ("floor", floor["test"]["floor"])):
        assert 0.4 < test["recovery"] < 0.9, f"{form}: both ends of a loop are told, its middle is not"
        assert test["perplexity"] < 6
        assert 0.1 < test["diversity"] < 0.8
    assert set(found["validation"]) == {"base", "pure", "floor"}
    masks = list(data.target)
    models = [infill.filler(row, 0, base=base).fit(data.texts, spans=masks) for base in ("linear", "none")]
    assert infill.without_runs(models[0]).report(data.texts, masks) == models[1].report(data.texts, masks)


def test_of_two_processes_the_first_is_kept(part: Callable[[str], Any], tmp_path: Path) -> None:
    store = part("store").Store(tmp_path / "out" / "records.json")
    names = {"row": "acp", "place": "fold 0", "form": "base"}
    for weight, settings in ((0.1, "a"), (0.2, "a"), (0.3, "b")):
        store.add({**names, "settings": settings, "test": {}, "weight": weight}, {"seed": 0})
    found = store.read()
    assert [one["weight"] for one in found["records"]] == [0.3]
    assert [one["weight"] for one in found["earlier"]] == [0.1]
    assert store.has({**names, "settings": "b"})
    assert not store.has({**names, "settings": "a"})


def test_intervals_of_known_differences(part: Callable[[str], Any]) -> None:
    stats, rows = part("stats"), part("rows")
    records = [
        {"row": f"{name}-50", "place": f"draw {draw}", "form": form, "test": {form: {"AUC": 0.7 + gain}}}
        for name in rows.PEPTIDES
        for draw in range(10)
        for form, gain in (("floor", draw / 100), ("base", draw / 100 + 0.02 + 0.01 * (-1) ** draw))
    ]
    found = stats.over_sets(records, [f"{name}-50" for name in rows.PEPTIDES])
    assert found.mean == pytest.approx(0.02)
    spread = 1.96 * 0.01 / np.sqrt(50)  # gains of 0.01 and 0.03, ten in each of five sets
    assert (found.low, found.high) == pytest.approx((0.02 - spread, 0.02 + spread), abs=5e-4)
    errors = {f"repeat {repeat}, fold {fold}": 1.0 + repeat for repeat in range(3) for fold in range(10)}
    assert stats.figure(errors, "errors") == (20.0, 10.0, 3), "10, 20 and 30 errors"


def test_a_missing_infiller_is_said(
    part: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = part("")
    monkeypatch.setattr(script, "infiller", lambda: None)
    assert [row.name for row in script.chosen(["acp", "h3"])] == ["acp"]
    assert "skipped: h3" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["amp", "hemopi", "acp-50", "splice", "promoters", "gb1-two", "esol", "bbbp", "h3"])
def test_no_group_is_on_both_sides(name: str, part: Callable[[str], Any], real_data: Callable[..., Path]) -> None:
    row, sets = part("rows").ROWS[name], part("sets")
    data = sets.read_set(row.source, real_data("proteins").parent)
    found = sets.places(row, data, [0, 1, 2])
    assert len(found) == row.count * row.repeats
    for place in found:
        assert not set(data.groups[place.train]) & set(data.groups[place.test])
        assert not set(data.pick(place.train)) & set(data.pick(place.test))
    if row.plan == "folds":
        assert sum(len(place.test) for place in found) == row.repeats * len(data.texts)
