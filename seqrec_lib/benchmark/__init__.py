"""How fast the library is, with RecTools beside it: `python -m seqrec_lib.benchmark`.

Read `cases` first: what is timed, and how much arithmetic it is. `interleaved` measures a case in a
process of its own (`worker`, and `peer` for RecTools), `report` prints the table, `profile` says
where a training step's time goes. `curves` measures how time and memory grow, at `points` on
`made_data`. `everything` is for a GPU that is lent for minutes: its steps are in `checks`, `steps`
and `papers`; `wheels` says what to carry there.
"""
