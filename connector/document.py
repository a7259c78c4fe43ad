"""A YAML document as plain values, in which every key of a section stands once.

Rule: what YAML would drop without a word is refused. Next stations: `config.load` and `simulator.settings`.
"""

from typing import Any, Final

import yaml

UNREADABLE: Final = (yaml.YAMLError, ValueError, RecursionError)
"""What reading raises: a number or a date out of its range is a ValueError, a thousand brackets a RecursionError."""


class RepeatedKey(yaml.YAMLError):
    """A key stands twice in one section: leave one of the two out. Lines count from 1."""

    def __init__(self, key: str, line: int, first: int) -> None:
        super().__init__()
        self.key = key
        self.line = line
        self.first = first


def read(text: str) -> Any:
    """What the document holds. Raises `RepeatedKey`, or another of `UNREADABLE`."""
    return yaml.load(text, Loader=_Loader)


class _Loader(yaml.SafeLoader):
    """YAML itself takes the last of two equal keys, so that the first of two sections is lost."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        # Looked at here and not when values are made of it: by then merges (`<<`) have put equal keys together rightly.
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                name = key.tag, key.value
                if name in first:
                    raise RepeatedKey(key.value, line, first[name])
                first[name] = line
        return node
