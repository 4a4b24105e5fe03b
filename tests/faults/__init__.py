"""Random faults, drawn by a seed: `python -m tests.faults --seed 1 --count 1000`.

Each fault is a function of the library, an input or a moment that is wrong or unusual, and an
answer that is known from elsewhere: from the same call without the fault, or from a few plain lines
of Python. It has to end in that answer or in words that name what was wrong, with nothing lost and
nothing left.
"""
