"""The settings of every room, put together in one tree."""

from connector.config.load import PREFIX, ConfigError, load
from connector.config.show import dump, example, masked

__all__ = ["PREFIX", "ConfigError", "dump", "example", "load", "masked"]
