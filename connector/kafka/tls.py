"""TLS files of Kafka and of the registry in, an `ssl.SSLContext` out.

Rule: a refusal names the field and the file, and holds no password. `door` and `registry` are the next stations.
"""

import ssl
from pathlib import Path

from connector.kafka.settings import KafkaSettings, RegistrySettings, SecuritySettings
from connector.kafka.values import KafkaRefused


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """The TLS context of these settings, None without TLS. Raises `KafkaRefused` for files that do not serve."""
    security = settings.security
    if not security.protocol.tls:
        return None
    context = _trusting(security.ca_file, "kafka.security.ca_file")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if security.cert_file is not None:
        _show_certificate(context, security, security.cert_file)
    return context


def registry_context(settings: RegistrySettings) -> ssl.SSLContext:
    """The same for the schema registry."""
    return _trusting(settings.ca_file, "kafka.registry.ca_file")


def _trusting(ca_file: Path | None, field: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise KafkaRefused(f"{field}: {ca_file} holds no certificate in PEM; put one there, or name another") from error
    except OSError as error:
        raise KafkaRefused(
            f"{field}: cannot read {ca_file} ({error.strerror}); put it back, or name another"
        ) from error


def _show_certificate(context: ssl.SSLContext, security: SecuritySettings, cert_file: Path) -> None:
    asked = False
    files = f"{cert_file}, {security.key_file}"

    def password() -> str:
        # Without a function OpenSSL would ask on the terminal and block the process.
        nonlocal asked
        asked = True
        return security.key_secret() or ""

    try:
        context.load_cert_chain(cert_file, security.key_file, password)
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in (error.reason or ""):
            words = f"kafka.security.key_file: {security.key_file} is not the key of the certificate {cert_file}"
        elif asked:
            words = (
                f"kafka.security.key_file: {security.key_file} is encrypted, and kafka.security.key_password does not "
                "open it; set it, or key_password_file"
            )
        else:
            words = f"kafka.security.cert_file, key_file: {files} hold no certificate and key in PEM"
        raise KafkaRefused(words) from error
    except (OSError, ValueError) as error:
        # ValueError: a password file that is no text, or a password too long for OpenSSL.
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise KafkaRefused(f"kafka.security.cert_file, key_file: {files} cannot be read ({reason})") from error
