"""From rating files to sequences that a model can be trained on.

Read `sequences` first (all users' items in flat arrays), then `dataset` (`SASRecDataSet`, the
leave-one-out split) and `unseen` (exact negatives): training needs no more. `preparation` makes a
data set of raw ratings, which `download`, `readers` and `movielens` bring in; `loading` does all of
that for a name. `sample` is a small invented MovieLens that needs no download.
"""
