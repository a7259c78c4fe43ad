"""SMPP 3.4 and 5.0 without input or output: `pdu` (octets <-> values), `tlv`, `session` (octets in, events out).

Nothing here opens a socket, reads a clock or draws a random number; `connector.bind` and `connector.simulator` do.
"""
