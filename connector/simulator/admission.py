"""Whether a bind is accepted, and which connections of the login it ends (gateway.md, "Connection"). Pure."""

from dataclasses import dataclass
from ipaddress import ip_address

from connector.simulator.accounts import BindTable, Direction, Parameters, parse_system_type
from connector.simulator.settings import AccountSettings, SimulatorSettings
from connector.smpp.constants import VERSION_3_4, VERSION_5_0, CommandStatus, Tag
from connector.smpp.pdu import (
    Bind,
    BindReceiver,
    BindReceiverResp,
    BindResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
)
from connector.smpp.tlv import Tlvs


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Bind it in this version, after the connections in `ends` were ended."""

    direction: Direction
    version: int
    parameters: Parameters
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Answer the bind with this status."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Do not answer the bind; `closes`: end the connection."""

    closes: bool


def is_registered(settings: SimulatorSettings, peer: str) -> bool:
    """Whether the access list holds the client's address; without a list everybody is registered."""
    if settings.allowed_networks is None:
        return True
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in settings.allowed_networks)


def admit(
    body: Bind, *, account: AccountSettings | None, table: BindTable, settings: SimulatorSettings, peer: str
) -> Admitted | Refused | Unanswered:
    """Decide about a bind from the address `peer`; `account` is that of its system_id, None where there is none."""
    version = body.interface_version
    if version >= VERSION_5_0:
        match settings.version_5:
            case "taken":
                version = VERSION_5_0
            case "taken_as_3_4":
                version = VERSION_3_4
            case "refused":
                return Refused(status=settings.version_5_status)
            case "silent" | "closed":
                return Unanswered(closes=settings.version_5 == "closed")
    if not is_registered(settings, peer):
        return Refused(status=CommandStatus.ESME_RBINDFAIL)
    if account is None:
        return Refused(status=CommandStatus.ESME_RINVSYSID)
    if body.password != account.password.get_secret_value():
        return Refused(status=CommandStatus.ESME_RINVPASWD)
    parameters = parse_system_type(body.system_type)
    if parameters is None:
        return Refused(status=CommandStatus.ESME_RINVSYSTYP)
    direction = direction_of(body)
    ends = table.over(direction, min(parameters.connections, account.most_binds))
    if ends and account.over_most == "refuse":
        return Refused(status=CommandStatus.ESME_RALYBND)
    return Admitted(direction=direction, version=version, parameters=parameters, ends=ends)


def direction_of(body: Bind) -> Direction:
    """The directions a bind asks for."""
    match body:
        case BindTransmitter():
            return Direction.TRANSMIT
        case BindReceiver():
            return Direction.RECEIVE
        case BindTransceiver():
            return Direction.BOTH


def version_of(version: int) -> Tlvs:
    """The version this end speaks, for those who know optional parameters (SMPP 3.4, 5.3.2.25)."""
    return () if version < VERSION_3_4 else ((Tag.SC_INTERFACE_VERSION, bytes((version,))),)


def response_to(body: Bind, system_id: str, tlvs: Tlvs = ()) -> BindResp:
    """The response that belongs to a bind of this kind."""
    match body:
        case BindTransmitter():
            return BindTransmitterResp(system_id=system_id, tlvs=tlvs)
        case BindReceiver():
            return BindReceiverResp(system_id=system_id, tlvs=tlvs)
        case BindTransceiver():
            return BindTransceiverResp(system_id=system_id, tlvs=tlvs)
