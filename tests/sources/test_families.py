"""docs/backbones.md says what each family can do, and each of its rows is tried."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import transformers

from seqreprog.errors import BackboneError
from seqreprog.sources.language import load_backbone

_spec = importlib.util.spec_from_file_location("families", Path(__file__).with_name("families.py"))
assert _spec is not None
assert _spec.loader is not None
families = importlib.util.module_from_spec(_spec)
sys.modules["families"] = families
_spec.loader.exec_module(families)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "backbones.md").read_text(encoding="utf-8")
ROWS = {line.split(" | ")[0].removeprefix("| "): line for line in PAGE.splitlines() if line.startswith("| ")}
MADE_WITH = re.findall(r"transformers (\d+\.\d+\.\d+)", PAGE)
# One of each kind: narrow words, no mask, a projection back, a factor, blocks of two sorts, eyes, an encoder alone.
QUICK = ("ALBERT", "ConvBERT", "OPT 350 M", "ESM-2", "Mamba", "Jamba", "Gemma 3 (with eyes)", "Qwen 2 VL", "BART")


def test_every_family_has_its_row() -> None:
    assert set(families.FAMILIES) == set(ROWS) - {"family"}
    assert all(f"| `{kind}` |" in ROWS[name] for name, (kind, _) in families.FAMILIES.items())


@pytest.mark.parametrize("name", QUICK)
def test_prompt_and_layers_are_as_the_page_says(name: str, tmp_path: Path) -> None:
    backbone = load_backbone(families.save(name, tmp_path))
    families.states_are_the_same_in_company(backbone)
    backbone.check_layers()
    assert [families.prefix(backbone), families.cut(tmp_path)] == ROWS[name].split(" | ")[3:5]
    assert ("wider states" in ROWS[name]) == (backbone.width < backbone.state_width)
    assert ("padding left out" in ROWS[name]) != backbone.capabilities.masks


@pytest.mark.parametrize("name", ["CANINE", "CLIP", "CTRL", "Reformer", "ResNet", "ViT"])
def test_what_is_no_text_model_is_refused_by_its_family(name: str, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=re.escape(str(tmp_path))) as caught:
        load_backbone(families.save(name, tmp_path))
    why = ROWS[name].split(" | ")[2].removesuffix(" |")
    if transformers.__version__ in MADE_WITH:  # how a family is refused follows the class that a release reads it with
        assert why in str(caught.value).replace("cannot be used: ", "")
    assert "Pass the folder or hub id of a text model" in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(transformers.__version__ not in MADE_WITH, reason=f"the page was made with {MADE_WITH}")
@pytest.mark.parametrize("name", families.FAMILIES)
def test_the_whole_row_is_as_the_page_says(name: str, tmp_path: Path) -> None:
    found = families.row(name, tmp_path)
    assert found.replace("| refused: ", "| ") == ROWS[name]
