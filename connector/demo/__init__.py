"""The demo: a mailing of real texts through the whole connector, on one machine."""
