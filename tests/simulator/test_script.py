"""Which rule fires when; and that a script may stand in a file."""

from pathlib import Path

import pytest

from connector.simulator.player import Facts, Player
from connector.simulator.script import (
    Action,
    Broken,
    Cut,
    Form,
    Host,
    Misaddressed,
    Prompt,
    Receipts,
    ReceiptState,
    Script,
    Silent,
    Step,
    SubmitRule,
    When,
)
from connector.simulator.settings import SimulatorSettingsError, load_settings

FACTS = Facts(login="demo", host=Host.PRIMARY, source="Shop", destination="79990000001", part=2)


def fired(when: When, facts: Facts = FACTS, *, times: int = 10, now: float = 0.0, seed: int = 1) -> list[bool]:
    player = Player(Script(submits=(SubmitRule(when=when),)), seed=seed, began=0.0)
    return [player.submit(facts, now) is not None for _ in range(times)]


@pytest.mark.parametrize(
    "when",
    [
        When(),
        When(login="demo"),
        When(host=Host.PRIMARY),
        When(destination="7999*"),
        When(source="Sh?p"),
        When(part=2),
        When(until=1.0),
    ],
)
def test_a_rule_fires_where_its_conditions_hold(when: When) -> None:
    assert all(fired(when))


@pytest.mark.parametrize(
    "when",
    [
        When(login="other"),
        When(host=Host.BACKUP),
        When(destination="1555*"),
        When(source="shop"),
        When(part=1),
        When(after=1.0),
        When(until=0.0),
    ],
)
def test_a_rule_does_not_fire_where_one_condition_fails(when: When) -> None:
    assert not any(fired(when))


def test_skip_every_and_limit_count_the_matches() -> None:
    assert fired(When(skip=2, every=3, limit=2)) == [n in (4, 7) for n in range(10)]


def test_a_share_is_drawn_with_the_seed() -> None:
    once, again, other = (fired(When(share=0.5), times=1000, seed=seed) for seed in (1, 1, 2))
    assert once == again != other
    assert 400 < sum(once) < 600


def test_the_first_rule_that_fires_decides() -> None:
    first, second = SubmitRule(when=When(limit=1), status=1), SubmitRule(status=2)
    player = Player(Script(submits=(first, second)), seed=1, began=0.0)
    assert [player.submit(FACTS, 0.0) for _ in range(2)] == [first, second]


def test_a_script_may_stand_in_the_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        """
accounts:
  - {system_id: shop, password: secret, speed: 100}
script:
  receipts: {state: UNDELIV, error: 6, form: text_only}
  submits:
    - {when: {destination: "7999*", share: 0.5}, status: 0x58}
    - {reply: {reply: silent}}
    - {reply: {reply: broken, cut: middle}, taken: false}
    - {reply: {reply: misaddressed, sequence: 0}}
    - {reply: {delay: 2.5}}
  steps:
    - {at: 1.0, action: unbind, login: shop}
"""
    )
    script = load_settings(path).script
    assert script == Script(
        receipts=Receipts(state=ReceiptState.UNDELIV, error=6, form=Form.TEXT_ONLY),
        submits=(
            SubmitRule(when=When(destination="7999*", share=0.5), status=0x58),
            SubmitRule(reply=Silent()),
            SubmitRule(reply=Broken(cut=Cut.MIDDLE), taken=False),
            SubmitRule(reply=Misaddressed(sequence=0)),
            SubmitRule(reply=Prompt(delay=2.5)),
        ),
        steps=(Step(at=1.0, action=Action.UNBIND, login="shop"),),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hots: 127.0.0.1", "hots"),
        ("port: 70000", "port"),
        ("accounts: []", "accounts"),
        ("accounts: [{system_id: a, password: b}, {system_id: a, password: c}]", "accounts"),
        ("accounts: [{system_id: логин, password: b}]", "accounts.0.system_id"),
        ("accounts: [{system_id: a, password: пароль}]", "accounts.0.password"),
        ("accounts: [{system_id: a, password: b, most_binds: 10}]", "accounts.0.most_binds"),
        ("script: {submits: [{whem: {}}]}", "script.submits.0.whem"),
        ("script: {submits: [{when: {shar: 1}}]}", "script.submits.0.when.shar"),
        ("[1, 2]", "file"),
        ("a: [", "YAML"),
    ],
)
def test_a_wrong_file_is_refused_and_the_field_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SimulatorSettingsError) as refusal:
        load_settings(path)
    assert named in str(refusal.value)
    assert "пароль" not in str(refusal.value)


def test_an_empty_file_is_the_default_gateway_with_one_login(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("")
    settings = load_settings(path)
    assert [account.system_id for account in settings.accounts] == ["demo"]
    assert settings.accounts[0].speed == 30
    assert settings.idle_timeout == 120.0


def test_an_absent_file_is_a_fault_of_ours(tmp_path: Path) -> None:
    with pytest.raises(SimulatorSettingsError):
        load_settings(tmp_path / "absent.yaml")
