"""The gateway as a server, for tests, demo and local work: scripted by a value, and product code, no mock.

`Simulator(settings, script)` listens; `load_settings` reads its YAML; `script` holds the vocabulary of a play.
"""

from connector.simulator.clock import ManualClock, SystemClock
from connector.simulator.server import Simulator
from connector.simulator.settings import AccountSettings, SimulatorSettings, SimulatorSettingsError, load_settings

__all__ = [
    "AccountSettings",
    "ManualClock",
    "Simulator",
    "SimulatorSettings",
    "SimulatorSettingsError",
    "SystemClock",
    "load_settings",
]
