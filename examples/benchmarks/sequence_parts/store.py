"""Finished fits on disk: written whole or not at all, by several processes in turn."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("row", "place", "form")
EMPTY: dict[str, Any] = {"settings": {}, "records": [], "earlier": []}


class Store:
    """Records in a JSON file.

    A record of other settings than are asked for now is not skipped: its fit is repeated, and it moves to `earlier`,
    because its test figure was seen.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        return (
            json.loads(self.path.read_text()) if self.path.exists() else {name: type(v)() for name, v in EMPTY.items()}
        )

    def has(self, asked: dict[str, Any]) -> bool:
        """Whether there is a record of these names and settings."""
        return any(asked.items() <= record.items() for record in self.read()["records"])

    def add(self, record: dict[str, Any], settings: dict[str, Any]) -> None:
        """Keeps a record, in place of one of the same names and other settings."""
        with self._alone():
            known = self.read()
            same = [one for one in known["records"] if all(one[name] == record[name] for name in NAMES)]
            if any(one["settings"] == record["settings"] for one in same):
                return  # another process was first
            known["records"] = [one for one in known["records"] if one not in same] + [record]
            short = (*NAMES, "settings", "test", "weight")
            known["earlier"] += [{name: one[name] for name in short if name in one} for one in same]
            known["settings"][record["settings"]] = settings
            part = self.path.with_suffix(".part")
            part.write_text(_text(known))
            part.replace(self.path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _text(known: dict[str, Any]) -> str:
    """A line for each record, so that a change shows as one line."""
    settings = ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in known["settings"].items())
    lists = [
        f'"{name}": [\n' + ",\n".join(json.dumps(one) for one in known[name]) + "\n]" for name in ("records", "earlier")
    ]
    return '{\n"settings": {\n' + settings + "\n},\n" + ",\n".join(lists) + "\n}\n"
