"""How good a model is: from scores to ranks, from ranks to metrics, and what metrics hide.

Read in this order: `ranks` (all that evaluation asks of a model, and what a tie is), `ranking` (the
two protocols), `metrics` (values, intervals, the comparison of two models), `baselines` (what a
neural network has to beat). `scoring` calls the models, `recommendation` makes lists for users,
`catalogue` describes lists, `protocols` puts the two protocols side by side.
"""
