"""Artifacts: whole or not at all, refused where they are not what they should be; no pickle, no frozen weight."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import seqreprog.fit.artifact as checkpoint
from seqreprog import Adapter, Forecaster, Training
from seqreprog.baselines.ridge import RidgeForecaster
from seqreprog.build.forecast import build_forecaster
from seqreprog.config.forecast import ForecastConfig
from seqreprog.errors import CheckpointError, Notice, OutputError
from seqreprog.fit.artifact import CONFIG, FORMAT_VERSION, WEIGHTS, load_artifact, save_artifact, sealed
from seqreprog.fit.fitted_forecast import Blend, blend_state
from seqreprog.sources.language import load_backbone

pytestmark = pytest.mark.compat
PACKAGE = Path(checkpoint.__file__).parent


def frame() -> pd.DataFrame:
    rng, steps = np.random.default_rng(0), np.arange(80)
    return pd.DataFrame({"unique_id": "a", "ds": steps, "y": np.sin(steps / 2) + 0.1 * rng.normal(size=80)})


@pytest.fixture(scope="module")
def model(make_backbone: Callable[[str], Path]) -> Forecaster:
    return Forecaster(
        3,
        context=16,
        backbone=make_backbone("bert"),
        adapter=Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4),
        training=Training(max_steps=4, batch_size=8, learning_rate=0.1, validation_windows=16, progress=False),
    ).fit(frame())


@pytest.fixture
def saved(model: Forecaster, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def rewrite(saved: Path, **changes: Any) -> None:
    document = json.loads((saved / CONFIG).read_text())
    for name, value in changes.items():
        if value is None:
            del document[name]
        else:
            document[name] = value
    (saved / CONFIG).write_bytes(sealed(document, (saved / WEIGHTS).read_bytes()))


def rewrite_weights(saved: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, saved / "aside")  # older safetensors map what they loaded: the file may not shrink below them
    (saved / "aside").replace(saved / WEIGHTS)
    rewrite(saved)


def unsealed(saved: Path) -> None:
    """As releases wrote it that knew neither digest nor canary."""
    document = json.loads((saved / CONFIG).read_text())
    for name in ("sha256", "canary", "reading"):
        del document[name]
    tensors = {name: part for name, part in load_file(saved / WEIGHTS).items() if not name.startswith("canary.")}
    save_file(tensors, saved / WEIGHTS)
    digest = hashlib.sha256((saved / WEIGHTS).read_bytes()).hexdigest()
    (saved / CONFIG).write_text(json.dumps({**document, "format_version": 1, "weights_sha256": digest}))


# --- what is written -------------------------------------------------------------------------------------------------


def test_an_artifact_is_two_files_without_pickle_or_frozen_weights(model: Forecaster, saved: Path) -> None:
    assert sorted(file.name for file in saved.iterdir()) == sorted([CONFIG, WEIGHTS])
    assert sorted(file.name for file in saved.parent.iterdir()) == ["model"], "nothing is left beside it"
    names = set(load_file(saved / WEIGHTS))
    assert {name.split(".")[0] for name in names} == {"input_map", "output_map", "ridge", "calibration", "canary"}
    frozen = {name for name, _ in model._blend.backbone.named_parameters()}
    assert not names & frozen
    document = json.loads((saved / CONFIG).read_text())
    assert document["format_version"] == FORMAT_VERSION
    assert document["backbone"]["fingerprint"] == model._blend.backbone.fingerprint()


def test_no_pickle_anywhere_in_the_package() -> None:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not {"pickle", "joblib", "cloudpickle", "dill"} & set(names), file.name
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "torch":
                assert node.attr not in ("save", "load"), file.name


def test_ten_megabytes_are_enough_at_the_size_of_minilm(make_backbone: Callable[[str], Path], tmp_path: Path) -> None:
    """Default adapter, context 512, horizon 96, on a model as wide as MiniLM."""
    from transformers import BertConfig, BertModel

    directory = tmp_path / "wide"
    shutil.copytree(make_backbone("bert"), directory)
    sizes = {"hidden_size": 384, "num_attention_heads": 12, "num_hidden_layers": 1, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=400, **sizes)).save_pretrained(directory)
    backbone = load_backbone(directory)
    config = ForecastConfig(horizon=96, context=512, backbone=str(directory), level=(80, 95))
    net = build_forecaster(config, backbone, fresh=False)
    ridge = RidgeForecaster(np.zeros((512, 96)), "last", 1.0)
    tensors, document = blend_state(Blend(config, backbone, ridge, net, 1.0, np.ones((96, 4)), np.ones(96)))
    save_artifact(tmp_path / "model", tensors, document)
    size = sum(file.stat().st_size for file in (tmp_path / "model").iterdir())
    assert 1e6 < size < 10e6


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_both_files_may_be_read_by_whom_the_umask_allows(model: Forecaster, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        model.save(tmp_path / "model")
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "model").iterdir()} == {0o666 & ~umask}


def test_saving_again_replaces(model: Forecaster, saved: Path) -> None:
    (saved / "stray.txt").write_text("old")
    model.save(saved)
    assert sorted(file.name for file in saved.iterdir()) == sorted([CONFIG, WEIGHTS])
    Forecaster.load(saved)


def test_an_empty_directory_and_new_parents_are_taken(model: Forecaster, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "new" / "deep" / "model"):
        model.save(place)
        Forecaster.load(place)


# --- what cannot be written ------------------------------------------------------------------------------------------


def test_a_failure_in_the_middle_leaves_the_old_one(
    model: Forecaster, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.name: file.read_bytes() for file in saved.iterdir()}

    def fails(tensors: dict, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", fails)
    with pytest.raises(OutputError, match=r"model'?: No space left on device"):
        model.save(saved)
    with pytest.raises(OutputError, match="No space left on device"):
        model.save(saved.parent / "fresh")
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before
    assert [file.name for file in saved.parent.iterdir()] == ["model"], "nothing half-written stays"


def test_a_failure_of_the_writer_is_a_named_error(
    model: Forecaster, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    def fails(*_: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", fails)
    with pytest.raises(OutputError, match="No space left on device"):
        model.save(saved)
    assert [file.name for file in saved.parent.iterdir()] == ["model"]


def test_a_failing_swap_puts_the_old_one_back(model: Forecaster, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, before = os.replace, (saved / CONFIG).read_bytes()

    def fails(source: Any, target: Any) -> None:
        if Path(target) == saved and (Path(source) / WEIGHTS).exists() and "-old-" not in str(source):
            raise OSError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OutputError, match="Permission denied"):
        model.save(saved)
    assert (saved / CONFIG).read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == ["model"]


def test_what_is_no_model_is_left_alone(model: Forecaster, tmp_path: Path) -> None:
    work = tmp_path / "thesis"
    work.mkdir()
    (work / "chapter.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis' exists and is no seqreprog model; it was left alone"):
        model.save(work)
    file = tmp_path / "file"
    file.write_text("kept")
    with pytest.raises(OutputError, match=r"file' exists and is no seqreprog model"):
        model.save(file)
    assert ((work / "chapter.txt").read_text(), file.read_text()) == ("years of work", "kept")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "thesis"]


def test_a_place_below_a_file_cannot_be_written(model: Forecaster, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError, match=r"cannot write the model to .*file/model'.*is not a writable directory"):
        model.save(tmp_path / "file" / "model")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_cannot_be_written(model: Forecaster, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    with pytest.raises(OutputError, match=r"locked' is not a writable directory"):
        model.save(locked / "model")


# --- what cannot be read ---------------------------------------------------------------------------------------------


def test_a_missing_or_foreign_directory_is_named(tmp_path: Path, make_backbone: Callable[[str], Path]) -> None:
    for place in (tmp_path / "nothing", tmp_path, make_backbone("bert")):
        with pytest.raises(CheckpointError, match=f"{place}"):
            Forecaster.load(place)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"text"', "\x00\x01", "[" * 100_000])
def test_corrupt_json_is_named(saved: Path, text: str) -> None:
    (saved / CONFIG).write_text(text)
    with pytest.raises(CheckpointError, match=r"model"):
        Forecaster.load(saved)


def test_bytes_that_are_no_text_are_named(saved: Path) -> None:
    (saved / CONFIG).write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(CheckpointError, match=r"model"):
        Forecaster.load(saved)


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
@pytest.mark.parametrize("keep", [0, 4, 100, -8])
@pytest.mark.parametrize("verify", [True, False])
def test_truncated_files_are_named(saved: Path, file: str, keep: int, verify: bool) -> None:
    whole = (saved / file).read_bytes()
    (saved / file).write_bytes(whole[:keep])
    with pytest.raises(CheckpointError, match=r"model.*(is not what was saved: its sha256 is|is corrupt)"):
        Forecaster.load(saved, verify=verify)


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
@pytest.mark.parametrize("verify", [True, False])
def test_one_flipped_bit_is_found_wherever_it_is(saved: Path, file: str, verify: bool) -> None:
    whole = (saved / file).read_bytes()
    for place in np.random.default_rng(0).integers(0, 8 * len(whole), 100).tolist():
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        (saved / file).write_bytes(content)
        with pytest.raises(CheckpointError):
            Forecaster.load(saved, verify=verify)
    content[place // 8] ^= 1 << place % 8
    (saved / file).write_bytes(content)
    Forecaster.load(saved, verify=verify)


@pytest.mark.parametrize("edit", [("weight", 0.25), ("seed", 1), ("time_col", "when")])
@pytest.mark.parametrize("verify", [True, False])
def test_an_edited_setting_is_found(saved: Path, edit: tuple[str, Any], verify: bool) -> None:
    document = json.loads((saved / CONFIG).read_text())
    part = {"seed": document["config"], "time_col": document["columns"]}.get(edit[0], document)
    assert part[edit[0]] != edit[1]
    part[edit[0]] = edit[1]
    (saved / CONFIG).write_text(json.dumps(document, indent=2) + "\n")
    with pytest.raises(CheckpointError, match=r"is not what was saved: its sha256 is .{8}\.\., recorded is"):
        Forecaster.load(saved, verify=verify)


def test_no_byte_moves_from_one_file_into_the_other(saved: Path) -> None:
    text, weights = (saved / CONFIG).read_bytes(), (saved / WEIGHTS).read_bytes()
    (saved / CONFIG).write_bytes(text + weights[:1])
    (saved / WEIGHTS).write_bytes(weights[1:])
    with pytest.raises(CheckpointError, match="is not what was saved"):
        Forecaster.load(saved)


def test_an_artifact_of_before_loads_with_a_notice(model: Forecaster, saved: Path) -> None:
    unsealed(saved)
    with pytest.warns(Notice, match="saved before models held a digest of their settings and a canary"):
        old = Forecaster.load(saved)
    pd.testing.assert_frame_equal(old.predict(frame()), model.predict(), check_exact=True)
    old.save(saved)  # now it has both
    assert Forecaster.load(saved)._blend.canary is not None
    unsealed(saved)
    content = bytearray((saved / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (saved / WEIGHTS).write_bytes(content)
    with pytest.raises(CheckpointError, match="is not what was saved"):
        Forecaster.load(saved)


def test_without_its_digest_a_newer_artifact_is_not_taken_for_an_old_one(saved: Path) -> None:
    document = json.loads((saved / CONFIG).read_text())
    del document["sha256"]
    (saved / CONFIG).write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match="its first line holds no sha256"):
        Forecaster.load(saved)
    (saved / CONFIG).write_text(json.dumps({**document, "format_version": 1}))
    with pytest.raises(CheckpointError, match="is not what was saved"):
        Forecaster.load(saved)


def test_absent_weights_are_named(saved: Path) -> None:
    (saved / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=rf"{WEIGHTS}' is missing"):
        Forecaster.load(saved)


def test_another_format_and_a_newer_version_are_named(saved: Path) -> None:
    rewrite(saved, format_version=FORMAT_VERSION + 6)
    with pytest.raises(CheckpointError, match=rf"{FORMAT_VERSION + 6}"):
        Forecaster.load(saved)
    rewrite(saved, format="pickle-jar", format_version=FORMAT_VERSION)
    with pytest.raises(CheckpointError, match=r"model"):
        Forecaster.load(saved)


@pytest.mark.parametrize("key", ["config", "backbone", "columns", "summary", "ridge", "weight", "format_version"])
def test_a_missing_key_is_named(saved: Path, key: str) -> None:
    rewrite(saved, **{key: None})
    with pytest.raises(CheckpointError):
        Forecaster.load(saved)


def test_an_unknown_option_is_named(saved: Path) -> None:
    config = json.loads((saved / CONFIG).read_text())["config"]
    rewrite(saved, config={**config, "colour": "red"})
    with pytest.raises(CheckpointError, match="colour"):
        Forecaster.load(saved)


def test_a_missing_or_unknown_weight_is_named(saved: Path) -> None:
    tensors = load_file(saved / WEIGHTS)
    fewer = {name: tensor for name, tensor in tensors.items() if name != "input_map.query.weight"}
    rewrite_weights(saved, fewer)
    with pytest.raises(CheckpointError, match=r"missing \['input_map.query.weight'\]"):
        Forecaster.load(saved)
    rewrite_weights(saved, {**tensors, "more": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"unknown \['more'\]"):
        Forecaster.load(saved)
    rewrite_weights(saved, {name: tensor for name, tensor in tensors.items() if name != "ridge.weights"})
    with pytest.raises(
        CheckpointError, match=r"'ridge.weights' should have shape \(16, 3\); the artifact holds nothing"
    ):
        Forecaster.load(saved)


@pytest.mark.parametrize(
    "name", ["output_map.point.weight", "ridge.weights", "calibration.factors", "calibration.shape"]
)
def test_a_wrong_shape_is_named(saved: Path, name: str) -> None:
    tensors = load_file(saved / WEIGHTS)
    right = tuple(tensors[name].shape)
    rewrite_weights(saved, {**tensors, name: torch.zeros(7, 5)})
    with pytest.raises(CheckpointError) as caught:
        Forecaster.load(saved)
    assert all(text in str(caught.value) for text in (repr(name), "(7, 5)", str(right)))


def test_another_backbone_is_refused_by_both_fingerprints(
    model: Forecaster, saved: Path, make_backbone: Callable[[str], Path]
) -> None:
    other = load_backbone(make_backbone("gpt2"), model.config.layers)
    with pytest.raises(CheckpointError) as caught:
        Forecaster.load(saved, backbone=make_backbone("gpt2"))
    for backbone in (model._blend.backbone, other):
        words, width = backbone.vocabulary.shape
        assert f"{backbone.fingerprint()[:8]}.. ({width}-d, {words} words, {backbone.layers} layers)" in str(
            caught.value
        )


def test_a_backbone_that_moved_is_found_again(model: Forecaster, saved: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(model.config.backbone, moved)
    rewrite(saved, config={**json.loads((saved / CONFIG).read_text())["config"], "backbone": str(tmp_path / "gone")})
    with pytest.raises(ValueError, match=r"gone.*config\.json"):
        Forecaster.load(saved)
    found = Forecaster.load(saved, backbone=moved).predict(frame())
    pd.testing.assert_frame_equal(found, model.predict(), check_exact=True)


def test_load_artifact_gives_back_what_was_saved(tmp_path: Path) -> None:
    tensors = {
        "a": torch.arange(6.0).reshape(2, 3),
        "b": torch.zeros(0, 4),
        "c": torch.tensor([1e-300], dtype=torch.float64),
    }
    save_artifact(tmp_path / "x", tensors, {"kind": "test", "text": "\u00fc\u4e2d"})
    found, document = load_artifact(tmp_path / "x")
    assert all(
        torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype for name, tensor in tensors.items()
    )
    assert (document["kind"], document["text"]) == ("test", "\u00fc\u4e2d")
