"""The built-in sample: an invented MovieLens whose true next-film probabilities are known.

Read `world` first (`make_sample`), then `viewers` (the rules by which they choose). `films` invents
the catalogue; `optimum` computes the best score that any model can expect.
"""
