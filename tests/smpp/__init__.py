"""The SMPP room: one list of vectors (`vectors.py`) serves every direction, and three other implementations check
it."""
