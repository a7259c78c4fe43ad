"""The submitter's core under a clock of its own, with faults drawn from a seed; the promises are checked after each.

Reads as the way of a run: `seeds` draws the scene, `world` builds it on `loop` (virtual time), with the submitter's own
code in `replica` between `clients` (the log of `log` and its group of `group`) and `wire` (the product's own gateway
simulator at the other end). `faults` strikes, `witness` looks at every octet and record as it passes, `promises` judges
the end, `mutations` switches single safeguards off to show that their loss is seen. `hunt` runs many.
"""
