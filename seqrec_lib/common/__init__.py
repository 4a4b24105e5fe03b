"""What every room needs, and nothing of sequences or models: the floor of the house.

`checks` and `ids` refuse wrong arguments in words, `randomness` makes generators, `distributed`
says which processes share the work, `memory` what to lower when memory is full, `provenance` where
a number comes from, `signatures` shows arguments that are passed on, `version` is the version.
"""
