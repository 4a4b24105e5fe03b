"""The rows of the papers' tables, run again: what was run, what came out, and whether it agrees.

Read in this order: `published` (what the papers print), `recipe` and `sasrec_rows`, `ssept_rows`,
`our_rows` (what each row trains), `run` (how one is trained and evaluated), `recorded` (how it is
kept), `comparison` (ours beside the paper's, with a verdict).

`python -m seqrec_lib.reproduce TABLE` runs the rows of a table, `publish` turns a run into weights
for `load`, `protocols_table` ranks by both protocols, and `strangers` measures what SSE-PT
loses with users that it was not trained on.
"""
