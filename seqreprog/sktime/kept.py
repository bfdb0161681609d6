"""A fitted model that is copied and pickled without its frozen part: as the bytes of what `save` writes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable


@runtime_checkable
class Saved(Protocol):
    """What has `save` and, on its class, `load`."""

    def save(self, path: str | Path) -> None: ...


Model = TypeVar("Model", bound=Saved)


class Kept(Generic[Model]):
    """Holds a fitted model. A copy or a pickle of it knows the frozen language model by name, and loads it when used.

    Nothing is shared between two of them: a copy reads theta and omega anew.
    """

    def __init__(self, model: Model) -> None:
        self._kind, self._model = type(model), model
        self._files: dict[str, bytes] = {}

    @property
    def model(self) -> Model:
        """The model itself.

        Raises:
            BackboneError: the language model is no longer where it was.
            CheckpointError: it is no longer the same.
        """
        if self._files:
            with tempfile.TemporaryDirectory() as place:
                for name, content in self._files.items():
                    (Path(place) / name).write_bytes(content)
                self._model = self._kind.load(place)  # type: ignore[attr-defined]
            self._files = {}
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        if self._files:
            return {"kind": self._kind, "files": self._files}
        with tempfile.TemporaryDirectory() as place:
            self._model.save(Path(place) / "model")
            files = {file.name: file.read_bytes() for file in sorted((Path(place) / "model").iterdir())}
        return {"kind": self._kind, "files": files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._kind, self._files = state["kind"], state["files"]
