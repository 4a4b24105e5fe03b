"""The mathematics: blocks of layers, how the rows of a batch are stored, and what a model is.

Read in this order: `rows` (attention, dropout and normalisation, line by line, on a padded batch),
`layers` (the blocks of SASRec, made of them), `model` (`SequenceModel`: what training and scoring
ask of a model, and the door for one of your own). `sdpa` is attention by torch's fused kernels for
long histories; `fast` is the machine room: the same numbers by compiled loops on a CPU.
"""
