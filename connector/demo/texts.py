"""Real texts for the mailing: the collection in `data/`, with its attribution there."""

from importlib.resources import files


def load() -> list[str]:
    """All texts of the collection, in its order."""
    raw = (files("connector.demo") / "data" / "sms-spam-collection.tsv").read_text(encoding="utf-8")
    return [line.split("\t", 1)[1] for line in raw.split("\n")[1:] if "\t" in line]
