"""Lists of unequal length as one rectangular array."""

from collections.abc import Sequence

import numpy as np

from seqrec_lib.common.checks import one_of, positive


def pad_sequences(
    sequences: Sequence[Sequence[int]],
    maxlen: int,
    padding: str = "pre",
    truncating: str = "pre",
    value: int = 0,
) -> np.ndarray:
    """Sequences of unequal length as one int64 array (len(sequences), maxlen).

    padding, truncating: "pre" fills or cuts in front, "post" at the end.
    Raises ValueError for another word and for maxlen below 1.
    """
    one_of("padding", padding, ("pre", "post"))
    one_of("truncating", truncating, ("pre", "post"))
    positive("maxlen", maxlen)
    out = np.full((len(sequences), maxlen), value, dtype=np.int64)
    for row, sequence in zip(out, sequences, strict=True):
        kept = sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen]
        if len(kept) and padding == "pre":
            row[-len(kept) :] = kept
        elif len(kept):
            row[: len(kept)] = kept
    return out
