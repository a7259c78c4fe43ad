"""A configuration is taken whole or refused with one line for each wrong field."""

from pathlib import Path

import pytest
import yaml

from connector.config import ConfigError, dump, example, load
from connector.stages.settings import StageConfig

ACCOUNT = {"name": "main", "system_id": "login", "password": "s3cretpw"}


def write(tmp_path: Path, tree: object) -> Path:
    path = tmp_path / "connector.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


def refusal(tmp_path: Path, tree: object, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, tree), environ or {})
    return str(caught.value)


def test_the_annotated_example_loads_and_is_the_defaults(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cretpw\n")
    path = tmp_path / "connector.yaml"
    path.write_text(example().replace("/run/secrets/smpp-password", str(secret)), encoding="utf-8")
    config = load(path, {})
    (account,) = config.accounts
    assert config.model_copy(update={"accounts": ()}).model_dump() == StageConfig().model_dump()
    assert (account.name, account.binds, account.rate) == ("main", 1, 30.0)


def test_every_default_in_the_example_can_be_uncommented(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cretpw\n")
    lines = []
    for line in example().replace("/run/secrets/smpp-password", str(secret)).splitlines():
        stripped = line.lstrip()
        key = stripped.removeprefix("# ").split(":", 1)[0]
        is_default = stripped.startswith("# ") and key.isidentifier() and ": " in stripped and not key[0].isupper()
        lines.append(line.replace("# ", "", 1) if is_default else line)
    text = "\n".join(lines)
    assert isinstance(yaml.safe_load(text), dict)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"system_id": "логин"}, ("accounts.0.system_id", "ASCII")),
        ({"password": "пароль"}, ("accounts.0.password", "ASCII")),
        ({"password": 12345678}, ("accounts.0.password: must be a text; put it between quotes",)),
        ({"name": 7}, ("accounts.0.name: found 7; must be a text; put it between quotes",)),
        ({"binds": 0}, ("accounts.0.binds", "0", "greater than or equal to 1")),
        ({"binds": 10}, ("accounts.0.binds", "10", "less than or equal to 9")),
        ({"window": 0}, ("accounts.0.window", "0", "greater than or equal to 1")),
        ({"rate": -1}, ("accounts.0.rate", "-1", "greater than 0")),
        ({"speed": 30}, ("accounts.0.speed", "unknown key")),
        ({"tls": {"enabled": True, "ca_file": "/nowhere/ca.pem"}}, ("accounts.0.tls.ca_file", "cannot read")),
    ],
)
def test_a_wrong_account_is_named_with_what_is_allowed(
    tmp_path: Path, change: dict[str, object], words: tuple[str, ...]
) -> None:
    message = refusal(tmp_path, {"accounts": [{**ACCOUNT, **change}]})
    for word in words:
        assert word in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("accounts: [{name: a, passwordhunter2}]", "accounts.0.password<...>: unknown key"),
        ("kafka: {security: {key_password_file: 3}}", "kafka.security.key_password_file:"),
        ("- kafka", "connector.yaml: holds a list, but must hold sections"),
        ("kafka: {topic_prefix: sms/}", "kafka.topic_prefix: found 'sms/'; allowed are"),
        ("kafka: {bootstrap_servers: broker}", "kafka.bootstrap_servers: found 'broker'; allowed is host:port"),
        ("accounts: [{name: a, tls: {ca_file: /nowhere/ca.pem}}]", "tls.ca_file: found '/nowhere/ca.pem'; cannot read"),
        ("accounts: [{name: a, tls: {key_file: /etc/secrets/k}}]", "tls.key_file: found '/etc/secrets/k'; cannot read"),
        ("accounts: [{name: a, password_file: /etc/no/password}]", "password_file: found '/etc/no/password'; cannot"),
        ("kafka: {security: {password_file: /etc/none}}", "security.password_file: found '/etc/none'; cannot read"),
        ("accounts: [{name: a, receipt_timezone: Mars}]", "receipt_timezone: found 'Mars'; no such time zone"),
    ],
)
def test_a_refusal_names_what_was_found(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert found in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            "accounts: [{name: a, system_id: b, password: c, tls: {enabled: true, ca_file: JUNK}}]",
            ["accounts.0.tls.ca_file"],
        ),
        (
            "accounts: [{name: a, system_id: b, password: c, tls: {enabled: true, cert_file: JUNK}}]",
            ["accounts.0.tls.cert_file"],
        ),
        ("kafka: {security: {protocol: SSL, ca_file: JUNK}}", ["kafka.security.ca_file"]),
        ("kafka: {security: {protocol: SSL, cert_file: JUNK, key_file: JUNK}}", ["kafka.security.cert_file"]),
        (
            "kafka: {security: {protocol: SSL, ca_file: JUNK}, registry: {url: https://a, ca_file: JUNK}}",
            ["kafka.security.ca_file", "kafka.registry.ca_file"],
        ),
    ],
)
def test_a_file_that_is_no_pem_is_refused_with_its_field(tmp_path: Path, text: str, fields: list[str]) -> None:
    path, junk = tmp_path / "connector.yaml", tmp_path / "junk.pem"
    junk.write_text("nothing of the kind")
    path.write_text(text.replace("JUNK", str(junk)))
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    lines = str(caught.value).splitlines()
    for line, field in zip(lines, fields, strict=True):
        assert line.startswith(f"{path}: {field}")
        assert str(junk) in line
        assert "PEM" in line


def test_two_accounts_with_one_name_are_refused(tmp_path: Path) -> None:
    assert "'main' stands 2 times" in refusal(tmp_path, {"accounts": [ACCOUNT, ACCOUNT]})


@pytest.mark.parametrize(("first", "second"), [("main", "MAIN"), ("a-b", "a.b"), ("Shop_1", "shop-1")])
def test_two_accounts_that_no_variable_can_tell_apart_are_refused(tmp_path: Path, first: str, second: str) -> None:
    tree = {"accounts": [{**ACCOUNT, "name": first}, {**ACCOUNT, "name": second}]}
    message = refusal(tmp_path, tree)
    assert f"accounts: {first} and {second} have one name in the environment, SMS_CONNECTOR__ACCOUNTS__" in message
    assert "rename one of them" in message


def test_a_topic_prefix_that_kafka_would_refuse_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"kafka": {"topic_prefix": "sms/"}})
    assert "kafka.topic_prefix" in message


def test_an_unknown_section_and_a_wrong_field_give_a_line_each(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"kafak": {}, "accounts": [{**ACCOUNT, "window": 0}]})
    assert len(message.splitlines()) == 2


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--example"):
        load(tmp_path / "none.yaml", {})


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n", "\x00", "just words", "a: 2026-99-99", "[" * 10_000])
def test_rubbish_is_refused_without_a_traceback(tmp_path: Path, text: str) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"connector\.yaml"):
        load(path, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kafka: {}\naccounts: []\n\naccounts: []\n", ("line 4", "`accounts`", "first in line 2")),
        ("submit:\n  look_ahead: 30\n  look_ahead: 300\n", ("line 3", "`look_ahead`", "first in line 2")),
        ("kafka: {security: {password:s3cret, password:s3cret}}", ("line 1", "`password<...>`")),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_lines(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    for word in ("stands twice", "may stand once", *words):
        assert word in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_key_that_a_merge_brings_may_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    first = "{name: a, system_id: login, password: word, rate: 30}"
    path.write_text(f"accounts:\n  - &first {first}\n  - {{<<: *first, name: b, rate: 300}}\n")
    assert [account.rate for account in load(path, {}).accounts] == [30, 300]


def test_a_key_that_stands_twice_in_a_variable_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, {}, {"SMS_CONNECTOR__SUBMIT": "{look_ahead: 30, look_ahead: 300}"})
    assert "SMS_CONNECTOR__SUBMIT: the key `look_ahead` stands twice" in message


def test_the_environment_overrides_the_file_and_an_account_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, {"accounts": [{**ACCOUNT, "name": "Main-1"}]})
    environ = {
        "SMS_CONNECTOR__KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
        "SMS_CONNECTOR__ACCOUNTS__MAIN_1__RATE": "55.5",
        "SMS_CONNECTOR__LANES__DEFAULT": "bulk",
    }
    config = load(path, environ)
    assert config.kafka.bootstrap_servers == "broker:9092"
    assert config.accounts[0].rate == 55.5
    assert config.lanes.default == "bulk"


def test_an_override_of_an_account_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"accounts": [ACCOUNT]}, {"SMS_CONNECTOR__ACCOUNTS__OTHER__RATE": "5"})
    assert "no account OTHER" in message
    assert "MAIN" in message


def test_secrets_never_show_in_the_dump_or_in_a_refusal(tmp_path: Path) -> None:
    assert "s3cretpw" not in dump(load(write(tmp_path, {"accounts": [ACCOUNT]}), {}))
    assert "s3crétpw" not in refusal(tmp_path, {"accounts": [{**ACCOUNT, "password": "s3crétpw"}]})
    assert "s3cret" not in refusal(tmp_path, {"accounts": [{**ACCOUNT, "password": ["s3cretpw"]}]})


@pytest.mark.parametrize("value", ["[s3cretpw", "{s3cretpw", "[1, 2]", "{a: 1}", "true", "123"])
def test_a_password_from_the_environment_is_taken_to_the_letter(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, {"accounts": [{**ACCOUNT, "system_id": "login"}]})
    environ = {
        "SMS_CONNECTOR__ACCOUNTS__MAIN__PASSWORD": value[:8],
        "SMS_CONNECTOR__KAFKA__SECURITY__PASSWORD": value,
        "SMS_CONNECTOR__KAFKA__SECURITY__KEY_PASSWORD": value,
    }
    config = load(path, environ)
    assert config.accounts[0].password is not None
    assert config.accounts[0].password.get_secret_value() == value[:8]
    security = config.kafka.security
    assert (security.secret(), security.key_secret()) == (value, value)


@pytest.mark.parametrize("value", ["[s3cretpw", "{a: [s3cretpw}", "[2026-99-99, s3cretpw]", "[" * 10_000 + "s3cretpw"])
def test_a_list_in_the_environment_that_is_none_is_refused_without_its_words(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="SMS_CONNECTOR__LANES__RULES") as caught:
        load(write(tmp_path, {}), {"SMS_CONNECTOR__LANES__RULES": value})
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("accounts: [{name: main, system_id: login, password:s3cret}]", "accounts.0.password<...>"),
        ("kafka: {security: password:s3cret}", "kafka.security"),
        ("accounts: password:s3cret", "accounts"),
        ('accounts: [{name: "main, password: s3cret"}]', "accounts.0.name"),
        ('kafka: {registry: {url: "http://me:[s3cret]@host"}}', "kafka.registry.url"),
        ('kafka: {registry: {url: "http://me:s3cret\u2100@host"}}', "kafka.registry.url"),
        ('kafka: {registry: {url: "http://p://me:[s3cret]@host"}}', "kafka.registry.url"),
        ('telemetry: {otlp_endpoint: "http://me:[s3cret]@host:4317"}', "otlp_endpoint"),
        ('telemetry: {otlp_endpoint: "http://p:80/me:s3cret@host:4317"}', "otlp_endpoint"),
        ('telemetry: {otlp_endpoint: "http://me:s3cret@host:4317"}', "otlp_endpoint"),
        ("kafka: {security: {password_file: s3cret}}", "kafka.security.password_file"),
        ("kafka: {security: {password_file: /s3cret/AbC}}", "kafka.security.password_file"),
        ("kafka: {security: {username: [s3cret]}}", "kafka.security.username"),
        ("kafka: {security: {username: 2026-01-01, key_file: 'password:s3cret'}}", "kafka.security.key_file"),
        ("kafka: {bootstrap_servers: me:s3cret@broker}", "kafka.bootstrap_servers"),
        ("kafka: {registry: {url: me:s3cret}}", "kafka.registry.url"),
    ],
)
def test_a_slip_of_the_pen_shows_no_secret(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert field in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("value", ["5", "true", "main", "{name: main}", "2026-01-01"])
def test_accounts_that_are_no_list_are_refused_as_such(tmp_path: Path, value: str) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(f"accounts: {value}\n")
    with pytest.raises(ConfigError, match="accounts: Input should be"):
        load(path, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("submit: {look_ahead: HUGE}", "submit.look_ahead: found a very large number"),
        (
            "accounts: [{name: main, interface_version: HUGE}]",
            "accounts.0.interface_version: found a very large number",
        ),
        (
            "accounts: [{name: HUGE}]",
            "SMS_CONNECTOR__ACCOUNTS__MAIN__RATE: the file has no account MAIN; it has: <...>",
        ),
    ],
)
def test_a_number_too_long_to_write_down_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(text.replace("HUGE", "0x" + "F" * 5000))
    environ = {"SMS_CONNECTOR__ACCOUNTS__MAIN__RATE": "5"} if "no account" in words else {}
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    assert words in str(caught.value)


def test_an_interval_without_end_is_refused(tmp_path: Path) -> None:
    assert "telemetry.otlp_interval" in refusal(tmp_path, {"telemetry": {"otlp_interval": float("inf")}})


@pytest.mark.parametrize(("written", "version"), [("3.4", "3.4"), ("5.0", "5.0"), ("5", "5.0"), ("'3.4'", "3.4")])
def test_a_version_may_be_written_as_a_number(tmp_path: Path, written: str, version: str) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(f"accounts: [{{name: main, system_id: a, password: b, interface_version: {written}}}]\n")
    assert load(path, {}).accounts[0].interface_version == version


def test_an_empty_variable_is_an_empty_text(tmp_path: Path) -> None:
    config = load(write(tmp_path, {}), {"SMS_CONNECTOR__KAFKA__TOPIC_PREFIX": ""})
    assert config.kafka.topic_prefix == ""


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("SMS_CONNECTOR__ACCOUNTS__MAIN_1__PASSWRD", "accounts.0.passwrd: unknown key"),
        ("SMS_CONNECTOR__ACCOUNTS__MAIN_1__BINDS", "accounts.0.binds: found 'x'"),
        ("SMS_CONNECTOR__KAFFKA", "kaffka: unknown key"),
    ],
)
def test_a_wrong_field_that_a_variable_set_names_the_variable(tmp_path: Path, variable: str, field: str) -> None:
    message = refusal(tmp_path, {"accounts": [ACCOUNT | {"name": "main.1"}]}, {variable: "x"})
    assert message.startswith(f"{variable}: {field}")
    assert "connector.yaml" not in message
