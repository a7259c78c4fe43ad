"""What an operator may write about a bind, and how a mistake is named."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connector.bind.settings import BindSettings, SettingsUnreadable, TlsSettings, system_type

LOGIN = {"system_id": "login", "password": "secret"}


def settings(**values: Any) -> BindSettings:
    return BindSettings(**(LOGIN | values))


def test_the_gateways_own_hosts_and_ports_are_the_default() -> None:
    assert [tuple(each) for each in settings().endpoints()] == [
        ("primary", "smpp.smscentre.com", 3700),
        ("backup", "smpp2.smscentre.com", 3700),
    ]
    assert [each.port for each in settings(tls={"enabled": True}).endpoints()] == [3443, 3443]


def test_another_host_has_no_backup_unless_it_is_named() -> None:
    assert [each.host for each in settings(host="a.example").endpoints()] == ["a.example"]
    assert [each.host for each in settings(backup_host=None).endpoints()] == ["smpp.smscentre.com"]
    both = settings(host="a.example", port=1, backup_host="b.example")
    assert [tuple(each) for each in both.endpoints()] == [("primary", "a.example", 1), ("backup", "b.example", 1)]
    assert settings(host="a.example", port=1, backup_host="b.example", backup_port=2).endpoints()[1].port == 2


@pytest.mark.parametrize(
    ("binds", "iso", "single", "expected"),
    [
        (1, False, False, ""),
        (2, False, False, "MCON2"),
        (1, True, False, "ISO"),
        (1, False, True, "SINGLE"),
        (3, True, True, "ISO,SINGLE,MCON3"),
    ],
)
def test_system_type_carries_the_parameters_in_upper_case_without_blanks(
    binds: int, iso: bool, single: bool, expected: str
) -> None:
    assert system_type(binds=binds, iso=iso, single=single) == expected


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"system_id": "логин"}, "system_id", "ASCII"),
        ({"system_id": ""}, "system_id", "ASCII"),
        ({"system_id": "x" * 16}, "system_id", "at most 15"),
        ({"password": "пароль"}, "password", "ASCII"),
        ({"password": "1" * 65}, "password", "at most 64"),
        ({"password": None}, "", "password_file"),
        ({"password_file": "/nowhere/at/all"}, "password_file", "cannot read"),
        ({"binds": 0}, "binds", "greater than or equal to 1"),
        ({"binds": 10}, "binds", "less than or equal to 9"),
        ({"window": 0}, "window", "greater than or equal to 1"),
        ({"rate": -1}, "rate", "greater than 0"),
        ({"rate": float("nan")}, "rate", "finite"),
        ({"port": 70000}, "port", "65535"),
        ({"windows": 1}, "windows", "not permitted"),
        ({"interface_version": "3.3"}, "interface_version", "3.4"),
        ({"system_type": "ИСО"}, "system_type", "ASCII"),
        (
            {"system_type": "MCON2", "binds": 3},
            "system_type",
            "it has MCON2, and binds is 3; MCON3 to MCON9 is allowed",
        ),
        ({"system_type": "MCON5,MCON2", "binds": 3}, "system_type", "it has MCON2"),
        (
            {"system_type": "ISO", "binds": 2},
            "system_type",
            "it has no MCON, and binds is 2; MCON2 to MCON9 is allowed",
        ),
        ({"system_type": "", "binds": 9}, "system_type", "it has no MCON, and binds is 9; MCON9"),
        ({"system_type": "MCON0"}, "system_type", "found MCON0; MCON1 to MCON9 are allowed"),
        ({"system_type": "ISO, mcon12", "binds": 3}, "system_type", "found MCON12; MCON1 to MCON9 are allowed"),
        ({"system_type": "MCON" + "9" * 5000}, "system_type", "MCON1 to MCON9 are allowed"),
        ({"backup_port": 1}, "", "backup_host"),
        ({"reconnect_min": 5, "reconnect_max": 1}, "", "reconnect_max"),
        ({"tls": {"ca_file": "/nowhere/at/all"}}, "tls.ca_file", "cannot read"),
        ({"tls": {"key_file": __file__}}, "tls", "cert_file"),
        ({"tls": {"key_password": "a", "key_password_file": __file__}}, "tls", "both set"),
    ],
)
def test_a_mistake_is_named_by_its_field_and_shows_no_value(values: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**values)
    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [field]
    assert words in str(caught.value)
    for secret in ("логин", "пароль", "123456789"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("written", [5.0, "5.0", 5])
def test_a_version_may_be_written_as_a_number(written: object) -> None:
    assert settings(interface_version=written).interface_version == "5.0"


@pytest.mark.parametrize(
    ("given", "binds"), [("ISO, mcon3", 3), ("MCON9,SINGLE", 2), ("MCON1", 1), ("MCON4", 1), ("vma", 1), ("", 1)]
)
def test_a_system_type_that_suffices_is_taken_as_it_is(given: str, binds: int) -> None:
    assert settings(system_type=given, binds=binds).system_type == given


def test_the_password_does_not_show() -> None:
    assert "secret" not in repr(settings())


def test_a_password_file_is_read_again_and_may_end_in_a_line_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    config = BindSettings(system_id="login", password_file=file)
    assert config.secret() == "first"
    file.write_text("second\r\n")
    assert config.secret() == "second"
    file.write_text("слово")
    with pytest.raises(SettingsUnreadable, match="password_file: only printable ASCII"):
        config.secret()
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsUnreadable, match="password_file: the file is not text"):
        config.secret()
    file.unlink()
    with pytest.raises(SettingsUnreadable, match="password_file: cannot read"):
        config.secret()


def test_a_password_file_of_something_else_is_refused_at_start(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("a whole page of text " * 10)
    with pytest.raises(ValidationError, match="at most 64"):
        BindSettings(system_id="login", password_file=file)


def test_tls_files_that_exist_are_taken() -> None:
    assert TlsSettings(enabled=True, ca_file=Path(__file__)).ca_file == Path(__file__)
