"""Wrong settings are refused with the field and what is allowed; passwords never show."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from connector.kafka.clients import KafkaRefused, ssl_context
from connector.kafka.settings import KafkaSettings, RegistrySettings, SecuritySettings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"topic_prefix": "sms/"}, "topic_prefix"),
        ({"topic_prefix": "тест."}, "letters, digits"),
        ({"topic_prefix": "x" * 201}, "up to 200"),
        ({"bootstrap_servers": "broker"}, "host:port"),
        ({"bootstrap_servers": "broker:99999"}, "host:port"),
        ({"bootstrap_servers": "a:1,,b:2"}, "host:port"),
        ({"outbound_partitions": 0}, "outbound_partitions"),
        ({"max_record_bytes": 655_359}, "max_record_bytes"),
        ({"max_record_bytes": (1 << 20) + 1}, "max_record_bytes"),
        ({"colour": "red"}, "colour"),
        ({"session_timeout": 6, "heartbeat_interval": 5}, "half of session_timeout"),
        ({"session_timeout": 60, "rebalance_timeout": 30}, "rebalance_timeout"),
        ({"min_insync_replicas": 2}, "replication_factor"),
        ({"security": {"protocol": "SASL_SSL"}}, "needs username"),
        ({"security": {"protocol": "PLAINTEXT", "ca_file": "/"}}, "cannot read"),
        ({"security": {"protocol": "SSL", "cert_file": "/etc/hostname"}}, "go together"),
        ({"security": {"password": "s3cret", "password_file": "/etc/hostname"}}, "one of them"),
        ({"security": {"protocol": "SSL", "ca_file": "/nowhere/ca.pem"}}, "cannot read the file"),
        ({"registry": {"url": "registry:8081"}}, "http"),
        ({"registry": {"url": "http://user:s3cret@registry"}}, "not into the address"),
        ({"registry": {"url": "http://registry", "username": "u"}}, "password_file"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KafkaSettings.model_validate(values)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_several_servers_and_ipv6_are_fine() -> None:
    assert KafkaSettings(bootstrap_servers="a:9092, [::1]:9093").servers == ["a:9092", "[::1]:9093"]


def test_a_password_comes_from_its_file_and_never_shows(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    security = SecuritySettings.model_validate({"protocol": "SASL_SSL", "username": "u", "password_file": file})
    assert security.secret() == "s3cret"
    given = RegistrySettings.model_validate({"url": "http://registry/", "username": "u", "password": "s3cret"})
    assert given.secret() == "s3cret"
    assert given.url == "http://registry"
    assert "s3cret" not in f"{security!r} {given!r}"


def test_tls_files_become_a_context(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("kafka.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    files = {name: tmp_path / f"{name.removesuffix('_file')}.pem" for name in ("ca_file", "cert_file", "key_file")}
    good = KafkaSettings.model_validate({"security": {"protocol": "SSL", **files}})
    assert ssl_context(good) is not None
    assert ssl_context(KafkaSettings()) is None
    swapped = {**files, "key_file": files["cert_file"]}
    with pytest.raises(KafkaRefused, match=r"kafka.security.cert_file, key_file: .*cert.pem hold no"):
        ssl_context(KafkaSettings.model_validate({"security": {"protocol": "SSL", **swapped}}))
    other = tmp_path / "other.pem"
    authority.issue_cert("b.example").private_key_pem.write_to_path(str(other))
    with pytest.raises(KafkaRefused, match=r"kafka.security.key_file: .*other.pem is not the key"):
        ssl_context(KafkaSettings.model_validate({"security": {"protocol": "SSL", **files, "key_file": other}}))


def test_a_key_that_no_password_opens_is_named_and_nobody_is_asked(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    ours = trustme.CA().issue_cert("client.example")
    cert, locked = tmp_path / "cert.pem", tmp_path / "key.pem"
    ours.cert_chain_pems[0].write_to_path(str(cert))
    key = serialization.load_pem_private_key(ours.private_key_pem.bytes(), None)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    locked.write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(b"open")))
    given = {"protocol": "SSL", "cert_file": cert, "key_file": locked}
    assert ssl_context(KafkaSettings.model_validate({"security": {**given, "key_password": "open"}})) is not None
    with pytest.raises(KafkaRefused, match=r"key_file: .*key.pem is encrypted, and kafka.security.key_password does"):
        ssl_context(KafkaSettings.model_validate({"security": given}))
