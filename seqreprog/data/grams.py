"""Sequences -> sparse features: what n-grams (runs of 1 to `order` symbols) they hold, or which symbol stands where.

An n-gram is a number: the ids of its symbols as digits in base `alphabet.size`. An id is never 0, so n-grams of
different lengths never share a number, and a vocabulary is a sorted array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from .symbols import Symbols

Features = Literal["tfidf", "counts", "onehot"]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What a sequence is described by.

    Attributes:
        features: `"tfidf"` (counts times idf, each sequence scaled to length 1, as scikit-learn's), `"counts"`
            (log(1 + count): how long a sequence is stays in them), `"onehot"` (symbol at place).
        order: the longest n-gram.
        codes: the n-grams of training, sorted; for one-hot place * alphabet.size + id.
        idf: the inverse document frequency of each; ones where it is not used.
        length: of the aligned sequences that one-hot was fitted on; 0 for n-grams.
    """

    features: Features
    order: int
    codes: Int[np.ndarray, " feature"]
    idf: Float[np.ndarray, " feature"]
    length: int

    def transform(self, symbols: Symbols) -> sp.csr_array:
        """A row per sequence, a column per feature; n-grams that training never saw count for nothing.

        One-hot features read a sequence of another length from its start: places that it lacks count for nothing, and
        those beyond are not read.
        """
        rows, codes = _codes(symbols, self.features, self.order)
        place = np.searchsorted(self.codes, codes)
        known = self.codes[np.minimum(place, len(self.codes) - 1)] == codes if len(self.codes) else place < 0
        table = sp.coo_array((np.ones(known.sum()), (rows[known], place[known])), (len(symbols), len(self.codes)))
        table = table.tocsr()  # sums what stands twice: the counts
        if self.features == "counts":
            return table.log1p()
        if self.features == "tfidf":
            table.data *= self.idf[table.indices]
            norm = np.sqrt((table * table).sum(axis=1))
            table.data /= np.repeat(np.where(norm > 0, norm, 1.0), np.diff(table.indptr))
        return table


def fit_vocabulary(symbols: Symbols, features: Features, order: int) -> Vocabulary:
    """Every n-gram (or symbol at its place) of the sequences, with idf = log((1 + n) / (1 + df)) + 1."""
    rows, codes = _codes(symbols, features, order)
    length = int(symbols.lengths[0]) if features == "onehot" else 0
    if features != "tfidf":
        vocabulary = np.unique(codes)
        return Vocabulary(features, order, vocabulary, np.ones(len(vocabulary)), length)
    vocabulary, place = np.unique(codes, return_inverse=True)
    pairs = np.unique(rows * len(vocabulary) + place)  # a sequence counts once, however often it holds the n-gram
    seen = np.bincount(pairs % len(vocabulary), minlength=len(vocabulary))
    return Vocabulary(features, order, vocabulary, np.log((1 + len(symbols)) / (1 + seen)) + 1, length)


def _codes(
    symbols: Symbols, features: Features, order: int
) -> tuple[Int[np.ndarray, " gram"], Int[np.ndarray, " gram"]]:
    """The sequence and the number of every n-gram (of every symbol at its place)."""
    ids, owner, size = symbols.ids, symbols.owner, symbols.alphabet.size
    if features == "onehot":
        return owner, (np.arange(len(ids)) - symbols.offsets[owner]) * size + ids
    rows, codes, code = [owner], [ids], ids
    for n in range(1, order):
        code = code[:-1] * size + ids[n:]
        inside = owner[: len(code)] == owner[n:]  # runs over the end of a sequence are none
        rows.append(owner[n:][inside])
        codes.append(code[inside])
    return np.concatenate(rows), np.concatenate(codes)
