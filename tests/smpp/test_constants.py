"""Our tables of the specification's numbers beside smpplib's, which were typed from the same paper by somebody else."""

import pytest
from smpplib import command_codes, consts

from connector.smpp.constants import (
    STATUS_TEXT,
    VERSION_3_4,
    VERSION_5_0,
    CommandId,
    CommandStatus,
    MessageState,
    Npi,
    Tag,
    Ton,
    command_name,
    status_name,
    version_name,
)

STATUSES = {name[5:]: number for name, number in vars(consts).items() if name.startswith("SMPP_ESME_")}


@pytest.mark.parametrize("name", STATUSES)
def test_statuses_have_smpplibs_numbers_and_names(name: str) -> None:
    assert CommandStatus[name] == STATUSES[name]
    assert status_name(STATUSES[name]) == name


def test_status_texts_are_smpplibs_where_it_has_one() -> None:
    differing = {number: text for number, text in consts.DESCRIPTIONS.items() if STATUS_TEXT[number] != text}
    assert differing == {CommandStatus.ESME_RINVREGDLVFLG: "<Desc Not Set>"}


def test_every_status_that_5_0_added_has_its_name() -> None:
    assert all(status_name(number).startswith("ESME_R") for number in range(0x100, 0x113))
    assert status_name(0x102) == "ESME_RSERTYPUNAVAIL"
    assert (version_name(VERSION_3_4), version_name(VERSION_5_0)) == ("3.4", "5.0")


def test_every_status_has_a_text() -> None:
    assert set(STATUS_TEXT) == set(CommandStatus)


def test_commands_have_smpplibs_numbers() -> None:
    for name, number in command_codes.commands.items():
        assert command_name(number) == name
        assert CommandId(number)


def test_tags_have_smpplibs_numbers() -> None:
    for name, number in consts.OPTIONAL_PARAMS.items():
        assert Tag[name.upper()] == number


def test_tons_and_npis_and_states_are_smpplibs() -> None:
    numbers = vars(consts)
    assert set(Ton) == {number for name, number in numbers.items() if name.startswith("SMPP_TON_")}
    assert set(Npi) == {number for name, number in numbers.items() if name.startswith("SMPP_NPI_")}
    states = {name[19:]: n for name, n in numbers.items() if name.startswith("SMPP_MESSAGE_STATE_")}
    assert {name: MessageState[name] for name in states} == states


def test_a_vendors_number_is_shown_in_hex() -> None:
    assert status_name(0x440) == "0x00000440"
    assert command_name(0x00010207) == "0x00010207"
    assert status_name(0x58) == "ESME_RTHROTTLED"
