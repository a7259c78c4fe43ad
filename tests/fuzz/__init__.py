"""Damaged input for everything that reads a stranger's octets, the bounds of what it may cost, and where none may show.

`runner` makes inputs from a kept corpus and holds the readers in `targets` to their promises; `python -m tests.fuzz`
runs it by hand. The same input comes from the same seed, so every failure can be played again.
"""
