"""Lists of unequal length as one rectangular array."""

from collections.abc import Iterable, Sequence

import numpy as np

from seqrec_lib.common.checks import one_of, positive
from seqrec_lib.common.ids import whole_numbers


def pad_sequences(
    sequences: Sequence[Iterable[int]],
    maxlen: int,
    padding: str = "pre",
    truncating: str = "pre",
    value: int = 0,
) -> np.ndarray:
    """Sequences of unequal length as one int64 array (len(sequences), maxlen).

    padding, truncating: "pre" fills or cuts in front, "post" at the end.
    Raises ValueError for another word, for maxlen below 1, and for what is no whole number.
    """
    one_of("padding", padding, ("pre", "post"))
    one_of("truncating", truncating, ("pre", "post"))
    maxlen = positive("maxlen", maxlen)
    rows = [whole_numbers(f"sequences[{row}]", x) for row, x in enumerate(sequences)]
    out = np.full((len(rows), maxlen), whole_numbers("value", [value])[0], dtype=np.int64)
    for row, sequence in zip(out, rows, strict=True):
        kept = sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen]
        if len(kept) and padding == "pre":
            row[-len(kept) :] = kept
        elif len(kept):
            row[: len(kept)] = kept
    return out
