"""Makes the frozen models and answers anew. By hand alone: they are the answers that later code must still give.

    git worktree add --detach ../before b7b9aac
    python -m pip install --no-deps --target ../transformers-5.23.0 transformers==5.23.0
    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 PYTHONPATH=../transformers-5.23.0:../before \
        .venv/bin/python tests/frozen/make.py [CASE ...]

Those that are here were made so: by the code of commit b7b9aac on transformers 5.23.0, from before models held a digest
and a canary. A case that is added later is made alone, by the code of its day: name it. Without a name all are made.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from time import process_time

import numpy as np
import transformers
from case import HERE, model_path, one_thread, write_answers, write_model
from cases import cases

import seqreprog


def main(asked: list[str]) -> None:
    warnings.simplefilter("ignore")  # toy data give cause for many notices
    known = cases()
    if unknown := sorted(set(asked) - set(known)):
        raise SystemExit(f"there is no case {unknown[0]!r}; there are {', '.join(known)}")
    if not asked:
        for folder in ("models", "answers"):
            shutil.rmtree(HERE / folder, ignore_errors=True)
    print(f"seqreprog from {seqreprog.__file__}, transformers {transformers.__version__}")
    for name in asked or known:
        case, start = known[name], process_time()
        if case.kept:
            place = model_path(name, case)
            place.unlink(missing_ok=True) if case.pickled else shutil.rmtree(place, ignore_errors=True)
        with one_thread():
            model = case.fit()
            answers = case.answer(model)
            write_model(name, case, model)
            write_answers(name, answers)
        report = np.round(answers.get("report", []), 3).tolist()
        print(f"{name:36} {process_time() - start:5.2f} s  {report}")
    files = [file for file in HERE.rglob("*") if file.is_file() and file.suffix in (".json", ".safetensors", ".pickle")]
    print(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
