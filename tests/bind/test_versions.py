"""SMPP 5.0 against the simulator: taken, turned down in each way a server has, and what it brings with it."""

from typing import Any

import pytest
from pydantic import SecretStr

from connector.bind.reconnect import Ending
from connector.bind.settings import BindSettings
from connector.simulator import AccountSettings, Simulator, SimulatorSettings
from connector.simulator.script import Host
from connector.smpp.constants import VERSION_3_4, VERSION_5_0, CommandStatus, Tag
from connector.smpp.pdu import BindTransceiver
from connector.smpp.tlv import lookup
from tests.bind.support import Stage, bound, message, settings, until


def gateway(**fields: Any) -> Simulator:
    account = AccountSettings(system_id="login", password=SecretStr("secret"), speed=10)
    return Simulator(SimulatorSettings.model_validate({"accounts": (account,), **fields}))


def five(sim: Simulator, **changes: Any) -> BindSettings:
    return settings(None, **{"port": sim.port, "interface_version": "5.0", **changes})


def asked(sim: Simulator) -> list[int]:
    """The versions of the binds that came."""
    return [each.body.interface_version for each in sim.record.pdus if isinstance(each.body, BindTransceiver)]


async def test_a_gateway_that_speaks_5_0_is_bound_to_in_5_0() -> None:
    stage = Stage()
    async with gateway() as sim, bound(five(sim), stage) as bind:
        shown = bind.status()
        assert (shown.interface_version, shown.gateway_version, shown.version) == (VERSION_5_0,) * 3
        assert asked(sim) == [VERSION_5_0]
        assert stage.refusals == []


@pytest.mark.parametrize(
    ("refuses", "ending"),
    [
        ({"version_5": "refused"}, Ending.REFUSED),
        ({"version_5": "refused", "version_5_status": CommandStatus.ESME_RSYSERR}, Ending.REFUSED),
        ({"version_5": "refused", "version_5_status": CommandStatus.ESME_RINVCMDID}, Ending.REFUSED),
        ({"version_5": "refused", "version_5_status": 0x440}, Ending.REFUSED),
        ({"version_5": "closed"}, Ending.CLOSED_EARLY),
    ],
)
async def test_where_5_0_is_turned_down_3_4_is_spoken_at_once_and_kept(refuses: dict[str, Any], ending: Ending) -> None:
    stage = Stage()
    async with gateway(**refuses) as sim, bound(five(sim, reconnect_min=30.0, reconnect_max=30.0), stage) as bind:
        shown = bind.status()
        assert (shown.interface_version, shown.gateway_version, shown.version) == (VERSION_3_4,) * 3
        assert asked(sim) == [VERSION_5_0, VERSION_3_4]
        assert [each.ending for each in stage.refusals] == [ending]


async def test_where_5_0_gets_no_answer_3_4_is_spoken() -> None:
    stage = Stage()
    async with gateway(version_5="silent") as sim, bound(five(sim, connect_timeout=0.2), stage) as bind:
        assert bind.status().version == VERSION_3_4
        assert Ending.SILENT in [each.ending for each in stage.refusals]
        sim.close("login")
        await until(lambda: stage.log.count("ready") == 2)
        assert bind.status().version == VERSION_3_4, "what works is kept"


async def test_a_gateway_may_take_5_0_and_say_that_it_speaks_3_4() -> None:
    """Nothing that we send is 5.0's alone, so the bind stays as it is; the gateway's word is shown."""
    stage = Stage()
    async with gateway(version_5="taken_as_3_4", congestion=True) as sim, bound(five(sim), stage) as bind:
        shown = bind.status()
        assert (shown.interface_version, shown.gateway_version, shown.version) == (
            VERSION_5_0,
            VERSION_3_4,
            VERSION_3_4,
        )
        bind.submit(message(), 1)
        await until(lambda: stage.answers)
        assert stage.answers[0].tlvs == ()


async def test_the_version_is_asked_for_anew_on_the_backup_host() -> None:
    stage = Stage()
    async with gateway() as sim:
        sim.host_down(Host.PRIMARY)
        async with bound(five(sim, backup_host="127.0.0.1", backup_port=sim.backup_port), stage) as bind:
            assert (bind.status().host, bind.status().version) == ("backup", VERSION_5_0)


@pytest.mark.parametrize(("version", "loads"), [("5.0", [10, 20, 30, 40]), ("3.4", [None] * 4)])
async def test_on_5_0_alone_the_answers_tell_the_load(version: str, loads: list[int | None]) -> None:
    stage = Stage()
    async with gateway(congestion=True) as sim, bound(five(sim, interface_version=version), stage) as bind:
        for number in range(4):
            bind.submit(message(number), number)
        await until(lambda: len(stage.answers) == 4)
        assert [lookup(answer.tlvs, Tag.CONGESTION_STATE) for answer in stage.answers] == loads
