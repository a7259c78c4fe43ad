"""Figures: how fast this project is beside others at the same work, on the same machine, interleaved."""
