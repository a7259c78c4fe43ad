"""An account and a gateway that tells its load, on one clock of the test's: given way to before it throttles."""

from collections import Counter

import pytest
from pydantic import SecretStr

from connector.domain.messages import Lane
from connector.simulator import AccountSettings, SimulatorSettings
from connector.simulator.gateway import Gateway, Origin
from connector.simulator.player import Player
from connector.simulator.script import Host, Script
from connector.smpp.constants import VERSION_3_4, VERSION_5_0, CommandStatus, Tag
from connector.smpp.pdu import SubmitSm
from connector.smpp.tlv import Tlvs
from tests.stages.test_account import T0, Bench

SPEED = 90


class Loop:
    """A `Bench` whose parts reach a simulated gateway, and whose answers come back a round trip later."""

    def __init__(self, version: int, *, rate: float) -> None:
        login = AccountSettings(system_id="login", password=SecretStr("secret"), speed=SPEED)
        settings = SimulatorSettings(accounts=(login,), congestion=True)
        self.bench = Bench(rate=rate)
        self.gateway = Gateway(settings, Player(Script(), seed=1, began=0.0))
        self.origin = Origin(login="login", connection=1, host=Host.PRIMARY, iso=False, single=False, version=version)
        self.statuses: Counter[int] = Counter()
        self._answers: list[tuple[float, int, Tlvs]] = []
        self._sent = 0

    def run(self, seconds: float) -> None:
        bench = self.bench
        until = bench.now + seconds
        while bench.now < until:
            for _ in bench.step():
                self._sent += 1
                pdu = SubmitSm(source_addr="Shop", destination_addr=f"7999{self._sent:07d}", short_message=b"hello")
                decision = self.gateway.submit(self.origin, pdu, bench.now, T0)
                self.statuses[decision.status] += 1
                self._answers.append((bench.now + bench.round_trip, decision.status, decision.tlvs))
            while self._answers and self._answers[0][0] <= bench.now:
                _, status, tlvs = self._answers.pop(0)
                bench.account.told(tlvs, bench.now)
                if status == CommandStatus.ESME_RTHROTTLED:
                    bench.account.throttled(bench.now)
            bench.account.repace(bench.now)


@pytest.mark.parametrize("rate", [SPEED, 100.0, 120.0])
def test_a_gateway_that_tells_its_load_does_not_have_to_throttle(rate: float) -> None:
    """Also where the account is configured faster than it is: what is throttled is throttled in the first seconds."""
    loop = Loop(VERSION_5_0, rate=rate)
    loop.bench.put(Lane.BULK, 8_000)
    loop.run(10.0)
    loop.statuses.clear()
    loop.run(50.0)
    assert loop.statuses[CommandStatus.ESME_RTHROTTLED] == 0
    assert loop.statuses[0] >= 0.8 * SPEED * 50, "and most of the speed is used"
    assert loop.bench.account.load is not None
    assert 75 <= loop.bench.account.load <= 97


def test_in_3_4_the_same_account_is_throttled_again_and_again() -> None:
    loop = Loop(VERSION_3_4, rate=120.0)
    loop.bench.put(Lane.BULK, 8_000)
    loop.run(60.0)
    assert loop.statuses[CommandStatus.ESME_RTHROTTLED] > 5
    assert loop.bench.account.load is None


def test_an_account_may_be_told_to_take_no_notice() -> None:
    account = Bench(rate=float(SPEED), heed_congestion=False).account
    account.told(((int(Tag.CONGESTION_STATE), b"\x64"),), 1.0)
    account.repace(2.0)
    assert account.rate == SPEED
