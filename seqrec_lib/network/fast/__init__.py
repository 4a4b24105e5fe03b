"""The machine room: compiled loops for a CPU that give the numbers of `rows` and `layers`, faster.

Nothing here defines anything; all of it is tested against the plain code. Read `kernels` first
(what makes the loops fast), then `product_kernels` (how small matrices are multiplied),
`attention_kernels` and `linear_kernels`, `gradients` (functions of torch made of them), `packed`
(`PackedRows`). `fitness` says which models may run here, `last` and `scoring` make the states that
scores need, `threads` shares work among the cores, `compiling` keeps the compiled loops on disk.
"""
