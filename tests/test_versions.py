"""Saved under one release of transformers, loaded under another: the same forecast, or a refusal that names both.

Each release lies in a folder of its own before the environment's, so nothing here is changed. Where the package index
cannot be reached the tests are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
# What a release needs besides the environment's own packages: the HTTP client and the tokenizers of its day.
BESIDE = {"5.3.0": ("httpx", "httpcore", "certifi", "tokenizers==0.22.2", "huggingface-hub<2")}
BESIDE["5.4.0"] = BESIDE["5.3.0"]

FRAME = """
import sys, warnings
import numpy as np, pandas as pd, transformers
from seqreprog import Adapter, Forecaster, Training
warnings.simplefilter("ignore")
steps = np.arange(80)
df = pd.DataFrame({"unique_id": "a", "ds": steps, "y": np.sin(steps / 2) + steps / 40})
print("transformers", transformers.__version__)
"""
SAVE = (
    FRAME
    + """
model = Forecaster(
    3, context=16, backbone=sys.argv[1], layers=2, base="none",
    adapter=Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4),
    training=Training(max_steps=3, batch_size=8, validation_windows=16, progress=False),
).fit(df)
model.save(sys.argv[2])
print("forecast", *model.predict()["seqreprog"])
"""
)
LOAD = (
    FRAME
    + """
model = Forecaster.load(sys.argv[2], verify=len(sys.argv) < 4)
print("forecast", *model.predict(df)["seqreprog"])
"""
)

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def under(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`under("5.23.0", code, *arguments)`: runs `code` in a process of its own with that release of transformers."""
    folders: dict[str, Path] = {}

    def run(release: str, code: str, *arguments: object) -> subprocess.CompletedProcess:
        if release not in folders:
            place = tmp_path_factory.mktemp(f"transformers-{release}")
            wanted = [f"transformers=={release}", *BESIDE.get(release, ())]
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), *wanted]
            done = subprocess.run(pip, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"transformers {release} cannot be installed here: {done.stderr.strip()[-200:]}")
            folders[release] = place
        paths = os.pathsep.join([str(folders[release]), str(REPO)])
        environment = {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True, text=True, check=False, env=environment, cwd=folders[release].parent,
        )  # fmt: skip
        if not done.returncode:
            assert f"transformers {release}" in done.stdout
        return done

    return run


def forecast(done: subprocess.CompletedProcess) -> list[float]:
    assert done.returncode == 0, done.stderr[-2000:]
    return [float(each) for each in done.stdout.split("forecast")[1].split()]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "gpt2"])
@pytest.mark.parametrize(("first", "second"), [("5.23.0", "5.24.0"), ("5.24.0", "5.23.0")])
def test_a_renamed_argument_changes_no_forecast(
    under: Run, make_backbone: Callable[[str], Path], tmp_path: Path, family: str, first: str, second: str
) -> None:
    """`past_key_values` became `cache` in 5.24.0; the prompt was then read in another way without a word."""
    backbone = make_backbone(family)
    saved = forecast(under(first, SAVE, backbone, tmp_path / "m"))
    loaded = forecast(under(second, LOAD, backbone, tmp_path / "m"))
    assert loaded == pytest.approx(saved, abs=1e-6)


@pytest.mark.slow
def test_gemmas_scaled_embeddings_are_noticed(under: Run, make_backbone: Callable[[str], Path], tmp_path: Path) -> None:
    """Up to 5.3.0 the model multiplies `inputs_embeds` by sqrt(hidden size), from 5.4.0 on it does not."""
    backbone = make_backbone("gemma")
    saved = forecast(under("5.3.0", SAVE, backbone, tmp_path / "m"))
    done = under("5.4.0", LOAD, backbone, tmp_path / "m")
    assert done.returncode != 0, "loaded without a word"
    last = done.stderr.strip().splitlines()[-1]
    assert "CheckpointError: this model answers otherwise than when it was saved: its model differs by" in last
    assert "saved with transformers 5.3.0; here are transformers 5.4.0" in last
    unverified = forecast(under("5.4.0", LOAD, backbone, tmp_path / "m", "unverified"))
    assert unverified != pytest.approx(saved, abs=1e-4), "the states are others, or this test shows nothing"
    assert forecast(under("5.3.0", LOAD, backbone, tmp_path / "m")) == saved
