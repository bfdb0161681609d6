"""Options: refused where they are made, with the value found; to TOML, JSON and back."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest

import seqreprog
from seqreprog import Forecaster
from seqreprog.config.forecast import (
    DEFAULT_CONTEXT,
    Adapter,
    Covariates,
    ForecastConfig,
    Open,
    Prompt,
    Training,
    forecast_config,
    read_toml,
    settled,
    to_dict,
)
from seqreprog.errors import ConfigError

# expression -> what its message must hold
REFUSED = {
    "Adapter(patch=0)": "patch must be at least 1; got 0",
    "Adapter(stride=0)": "stride must be at least 1; got 0",
    "Adapter(patch=8, stride=9)": "got stride=9, patch=8",
    "Adapter(heads=0)": "heads must be at least 1; got 0",
    "Adapter(hidden=2.5)": "hidden must be a whole number; got 2.5",
    "Adapter(features=True)": "features must be a whole number; got True",
    "Adapter(dropout=1.0)": "dropout must lie in [0, 1); got 1.0",
    "Adapter(dropout=-0.1)": "dropout must lie in [0, 1); got -0.1",
    "Adapter(dropout='a')": "dropout must be a number; got 'a'",
    "Adapter(prototypes='cubic')": "prototypes must be one of ['direct', 'linear', 'words']; got 'cubic'",
    "Adapter(prototypes='words')": "got prototypes='words' with 0 words",
    "Adapter(words=('up', 'down'))": "got prototypes='direct' with 2 words",
    "Prompt(parts=('min', 'mode'))": "got 'mode'",
    "Prompt(statistics='z')": "statistics must be one of ['scaled', 'units']; got 'z'",
    "Training(batch_size=0)": "batch_size must be at least 1; got 0",
    "Training(max_steps=-1)": "max_steps must be at least 0; got -1",
    "Training(patience=0)": "patience must be at least 1; got 0",
    "Training(average=1.0)": "average is a decay, from 0 to below 1; got 1.0",
    "Training(evaluate_every=0)": "evaluate_every must be at least 1; got 0",
    "Training(validation_windows=0)": "validation_windows must be at least 1; got 0",
    "Training(validation=1.0)": "between 0 and 1; got 1.0",
    "Training(learning_rate=0.0)": "learning_rate must be positive; got 0.0",
    "Training(learning_rate=float('nan'))": "learning_rate must be positive; got nan",
    "Training(warmup=1.5)": "from 0 to 1; got 1.5",
    "Training(precision='fp8')": "precision must be one of ['no', 'bf16', 'fp16']; got 'fp8'",
    "Training(threads=0)": "threads must be at least 1; got 0",
    "Training(time_budget=-5.0)": "got -5.0",
    "Training(clip=-1.0)": "got -1.0",
    "Training(weight_decay=-0.1)": "got -0.1",
    "ForecastConfig(horizon=0)": "horizon must be at least 1; got 0",
    "ForecastConfig(horizon=2.0)": "horizon must be a whole number; got 2.0",
    "ForecastConfig(horizon=4, context=7)": "got context=7, patch=24",
    "ForecastConfig(horizon=4, level=(80, 100))": "between 0 and 100; got 100",
    "ForecastConfig(horizon=4, level=(-3.0,))": "between 0 and 100; got -3",
    "ForecastConfig(horizon=4, level=(0.8,))": "level is in percent: 0.8 should be 80",
    "ForecastConfig(horizon=4, level=('80',))": "level must hold numbers, the coverage in percent; got '80'",
    "ForecastConfig(horizon=4, seed=-1)": "seed must be at least 0; got -1",
    "ForecastConfig(horizon=4, prompt='text')": "prompt must be made by Prompt(...); got 'text'",
    "ForecastConfig(horizon=4, training={'max_steps': 3})": "training must be made by Training(...); got",
    "ForecastConfig(horizon=4, adapter=24)": "adapter must be made by Adapter(...); got 24",
    "ForecastConfig(horizon=4, loss='rmse')": "loss must be one of ['mse', 'mae']; got 'rmse'",
    "ForecastConfig(horizon=4, base='arima')": "base must be one of ['ridge', 'none']; got 'arima'",
    "ForecastConfig(horizon=4, seed='a')": "seed must be a whole number; got 'a'",
    "ForecastConfig(horizon=4, device='tpu')": "device must be one of ['auto', 'cpu', 'cuda', 'mps']; got 'tpu'",
    "ForecastConfig(horizon=4, layers=0)": "layers must be at least 1; got 0",
    "Covariates.of(futr_cols='promo')": "futr_cols must list names of columns; got 'promo'. Pass futr_cols=['...']",
    "Covariates(levels=(3,))": "levels must hold names and their words; got (3,)",
    "Covariates.of(hist_cols=[3])": "hist_cols must list names of columns; got (3,)",
    "Covariates.of(static=['about'])": "static must name one column; got ['about']",
    "Covariates.of('a', ['b', 'b'])": "column 'b' is named more than once: static='a', futr_cols=['b', 'b'], hist",
    "Covariates.of('a', ['b'], ['a'])": "column 'a' is named more than once",
    "ForecastConfig(horizon=4, covariates=['promo'])": "covariates must be made by Covariates(...); got ['promo']",
    "forecast_config({'horizon': 4, 'hoizon': 3})": "ForecastConfig has no option 'hoizon'; it has ['horizon',",
    "forecast_config({'horizon': 4, 'adapter': {'pach': 3}})": "Adapter has no option 'pach'",
}


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    """What each expression raises, in a process where no type checker stands before the library's own checks."""
    script = (
        "import json, sys\nfrom seqreprog.config.forecast import *\n"
        "from seqreprog.config.forecast import forecast_config\n"
        "found = {}\nfor text in json.load(sys.stdin):\n"
        "    try:\n        found[text] = repr(eval(text))\n"
        "    except Exception as error:\n        found[text] = f'{type(error).__name__}: {error}'\n"
        "json.dump(found, sys.stdout)"
    )
    asked = json.dumps(list(REFUSED))
    done = subprocess.run([sys.executable, "-c", script], input=asked, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("expression", REFUSED)
def test_a_wrong_option_is_refused_with_its_value(messages: dict[str, str], expression: str) -> None:
    assert messages[expression].startswith("ConfigError: ")
    assert REFUSED[expression] in messages[expression]


def full() -> ForecastConfig:
    """Every option away from its default."""
    return ForecastConfig(
        horizon=7,
        context=90,
        backbone="some/model",
        layers=3,
        level=(50, 95.5),
        loss="mae",
        base="none",
        seed=4,
        device="cpu",
        prompt=Prompt(domain="Load.", task=False, parts=("min",), statistics="units", reading="prefix"),
        adapter=Adapter(
            patch=9,
            stride=3,
            hidden=5,
            heads=2,
            head_width=3,
            prototypes="words",
            n_prototypes=4,
            words=("up", "down"),
            features=6,
            dropout=0.0,
        ),
        training=Training(
            max_steps=9,
            batch_size=8,
            accumulate=2,
            learning_rate=0.1,
            warmup=0.0,
            weight_decay=0.0,
            clip=2.0,
            average=0.5,
            mirror=False,
            evaluate_every=3,
            patience=2,
            holdout="series",
            validation=0.3,
            validation_windows=11,
            time_budget=60.0,
            threads=1,
            precision="bf16",
            progress=False,
            mode="probe",
        ),
        covariates=Covariates("about", ("promo",), ("wind",), levels=(("wind", ("calm", "storm")),)),
    )


def test_json_and_back_is_the_same_config() -> None:
    config = full()
    for part in (config, config.prompt, config.adapter, config.training, config.covariates):
        default = type(part)(horizon=1) if part is config else type(part)()
        unmoved = [item.name for item in fields(part) if getattr(part, item.name) == getattr(default, item.name)]
        assert unmoved == [], "this test must move every option"
    assert forecast_config(json.loads(json.dumps(to_dict(config)))) == config


def test_toml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text('horizon = 24\nlevel = [80, 95]\n[training]\nlearning_rate = 1e-4\n[prompt]\nparts = ["min"]\n')
    config = forecast_config(read_toml(path))
    assert config == ForecastConfig(
        horizon=24, level=(80, 95), training=Training(learning_rate=1e-4), prompt=Prompt(parts=("min",))
    )


def test_a_missing_or_malformed_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml' cannot be read: No such file"):
        read_toml(tmp_path / "absent.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("horizon = \n")
    with pytest.raises(ConfigError, match=r"bad\.toml' is not valid TOML: .*line 1"):
        read_toml(bad)


def test_options_are_frozen_and_levels_sorted() -> None:
    config = ForecastConfig(horizon=3, level=(95, 80, 95))
    assert config.level == (80, 95)
    assert config.quantile_levels == pytest.approx((0.025, 0.1, 0.9, 0.975))
    assert ForecastConfig(horizon=3, level=()).quantile_levels == ()
    with pytest.raises(FrozenInstanceError):
        config.horizon = 4  # type: ignore[misc]


def test_config_imports_no_torch() -> None:
    script = "import sys, seqreprog.config.forecast; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_time_axis_follows_what_is_read() -> None:
    config = ForecastConfig(horizon=10, context=48)
    assert (config.span, config.patches, config.slots, config.mirrors) == (48, 2, 2, True)
    past = replace(config, covariates=Covariates(hist_cols=("wind",)))
    assert (past.span, past.patches, past.slots, past.mirrors) == (48, 2, 2, False)
    ahead = replace(config, covariates=Covariates(futr_cols=("promo",)))
    assert (ahead.span, ahead.patches, ahead.slots, ahead.mirrors) == (58, 3, 3, False)
    text = replace(config, covariates=Covariates(static="about"))
    assert (text.span, text.patches, text.slots, text.mirrors) == (48, 2, 3, False)


def test_the_default_context_is_one_number() -> None:
    """The config's, the facade's, the longest that is chosen, and what users are told of it."""
    from seqreprog.cli import options
    from seqreprog.sktime import ReprogForecaster

    left_open = settled(ForecastConfig(1), Covariates(), Open(context=True, layers=True), longest=10**9)
    assert {ForecastConfig(1).context, Forecaster(1).config.context, left_open.context} == {DEFAULT_CONTEXT}
    for text in (Forecaster.__doc__, ReprogForecaster.__doc__, str(options.Context.__metadata__[0].help)):
        assert f"at most {DEFAULT_CONTEXT}" in " ".join(str(text).split())
    named = [
        f"{file.name}: {line.strip()}"
        for file in Path(seqreprog.__file__).parent.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "context" in line.lower() and str(DEFAULT_CONTEXT) in line.split('"')[0] and "at most" not in line
    ]
    assert len(named) == 1, f"the number stands in {named}; import DEFAULT_CONTEXT"
