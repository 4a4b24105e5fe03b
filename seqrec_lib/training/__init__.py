"""How a model is trained: batches, losses, steps, and the loop over them.

Read in this order: `sampling` (where a batch is made), `engine` (one step in its plain form),
`losses`, `loop` (epochs, validation, the best weights). `options` are the settings of a run and
`assembly` makes a run of them. The rest is for more of something: `packed_engine` for speed on a
CPU, `parallel` for several processes, `sparse` for large catalogues, `sse` for SSE-PT,
`loss_batches` for losses with many negatives and for other people's samplers, `own_step` for
subclasses that override recommenders' methods, `checkpoints` for what survives a kill.
"""
