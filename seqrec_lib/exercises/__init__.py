"""The lessons' exercises check themselves: right, or where to look, and never the answer.

`check` is all that a notebook needs. `asking` has what every check uses, and each lesson has a
file of checks, which compute what is right from the data at hand.
"""
