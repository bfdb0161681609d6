"""What is installed is what was tested: the bounds of pyproject.toml, the versions of constraints.txt, the commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPO = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
LINES = [line for line in (REPO / "constraints.txt").read_text().splitlines() if not line.startswith("#")]


def declared() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    every = [Requirement(line) for lines in (PROJECT["dependencies"], *extras) for line in lines]
    return [each for each in every if each.name != PROJECT["name"]]


def lowest(requirement: Requirement) -> str:
    found = [each.version for each in requirement.specifier if each.operator == ">="]
    assert len(found) == 1, f"{requirement} has no lower bound"
    return found[0]


@pytest.mark.parametrize("line", LINES)
def test_a_constraint_is_a_plain_name_and_version(line: str) -> None:
    """An address, a hash or a local version (`+cpu`) would hold on one machine alone."""
    assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)


def test_no_package_is_constrained_twice() -> None:
    names = [canonicalize_name(line.split("==")[0]) for line in LINES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_every_dependency_is_constrained_within_its_bounds(requirement: Requirement) -> None:
    versions = {canonicalize_name(name): number for name, number in (line.split("==") for line in LINES)}
    assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


@pytest.mark.skipif("SEQREPROG_LOWEST" not in os.environ, reason="`make test-oldest` sets SEQREPROG_LOWEST")
@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_the_lowest_declared_version_is_the_one_installed(requirement: Requirement) -> None:
    """A bound that nobody can install with the others is not one that was tested."""
    bound = Version(lowest(requirement)).release
    assert len(bound) >= 2, "a bound says major and minor"
    assert Version(version(requirement.name)).release[: len(bound)] == bound


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A project whose environment is newer than what it was made from."""
    for name, age in (("Makefile", 0), ("pyproject.toml", 100), ("constraints.txt", 100), (".venv/.installed", 50)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((REPO / name).read_bytes() if (REPO / name).exists() else b"")
        os.utime(path, (1_700_000_000 - age,) * 2)
    return tmp_path


def said(folder: Path, target: str) -> str:
    """What `make TARGET` would do."""
    if shutil.which("make") is None:
        pytest.skip("make is absent")
    return subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("target", ["install", "demo", "test", "lint"])
@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_the_commands_install_the_constrained_versions_again_when_these_change(
    installed: Path, target: str, changed: str
) -> None:
    assert "pip install" not in said(installed, target)
    os.utime(installed / changed, (1_700_000_000,) * 2)
    line = next(line for line in said(installed, target).splitlines() if "pip install" in line)
    assert "--constraint constraints.txt" in line
    assert '".[all,dev]"' in line


@pytest.mark.parametrize("target", ["test-newest", "test-oldest"])
def test_both_ends_have_environments_of_their_own(installed: Path, target: str) -> None:
    recipe = said(installed, target)
    assert "constraints.txt" not in recipe
    assert not re.search(r"\.venv/", recipe)


def test_torch_moves_only_where_it_is_asked_for(installed: Path) -> None:
    torch = next(line for line in LINES if line.startswith("torch=="))
    assert f'"{torch}"' in said(installed, "update")


def test_no_annotation_subscripts_what_older_pandas_cannot() -> None:
    """`pd.Series[Any]` is a TypeError under pandas 3.0.0 as soon as the annotation is resolved."""
    found = [
        f"{path.relative_to(REPO)}: {match[0]}"
        for path in sorted((REPO / "seqreprog").rglob("*.py"))
        for match in re.finditer(r"\bpd\.(Series|Index|DataFrame)\[", path.read_text())
    ]
    assert not found, f"write them without brackets: {found}"
