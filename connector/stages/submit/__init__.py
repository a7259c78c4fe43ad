"""From the lanes to the binds: what is submitted when, and what is written down before and after.

Reads as the way of a message: `slot` takes it from a lane, `pacing` says when it may go, `work` follows its parts,
`outcomes` writes what became of it; `run` is the only file here that waits for anything.
"""
