"""The models: networks that are read, and what users of recommenders call.

Read `sasrec` and `ssept` first: the two networks, made of `network.layers`. `recommenders` gives
them the interface of recommenders (`SASREC`, `SSEPT`: train_model, evaluate, predict), `fit` trains
and validates any `SequenceModel`, `files` writes and reads models, `trained` has them by name.
"""
