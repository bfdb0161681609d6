"""What was imported or pickled under the names of release 0.1 is found where it stands now."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from seqreprog._moved import MOVED

REPO = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", sorted(MOVED))
def test_an_old_name_is_the_module_itself(name: str) -> None:
    sys.modules.pop(f"seqreprog.{name}", None)
    with pytest.warns(DeprecationWarning, match=rf"seqreprog\.{name} is seqreprog\.{MOVED[name]} now"):
        old = import_module(f"seqreprog.{name}")
    new = import_module(f"seqreprog.{MOVED[name]}")
    assert old is new
    assert new.__spec__.name == f"seqreprog.{MOVED[name]}"


def test_in_a_fresh_process_a_class_has_one_identity() -> None:
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from seqreprog.forecaster import Forecaster as old\nfrom seqreprog import Forecaster as new\n"
        "assert old is new\nimport seqreprog.nothing"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, check=False)
    assert "ModuleNotFoundError: No module named 'seqreprog.nothing'" in done.stderr
