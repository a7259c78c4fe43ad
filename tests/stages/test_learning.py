"""A stage that lacks a schema waits for the registry, however long that is away."""

import pytest

from connector.kafka.registry import Registry, RegistryRefused, RegistryUnavailable
from connector.kafka.settings import RegistrySettings
from connector.stages import learning
from connector.stages.learning import learn


class Scripted(Registry):
    """Fails in this order, then answers."""

    def __init__(self, *faults: Exception) -> None:
        super().__init__(RegistrySettings(url="http://127.0.0.1:1"), {})
        self.faults = list(faults)
        self.asked = 0

    async def fetch(self, schema_id: int) -> None:
        self.asked += 1
        if self.faults:
            raise self.faults.pop(0)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_FIRST_WAIT", 0.0)


async def test_it_asks_until_the_registry_answers() -> None:
    registry = Scripted(*[RegistryUnavailable("away")] * 20)
    await learn(registry, 7, stage="express")
    assert registry.asked == 21


async def test_what_does_not_pass_by_itself_is_told() -> None:
    registry = Scripted(RegistryRefused("no rights"))
    with pytest.raises(RegistryRefused):
        await learn(registry, 7, stage="express")
