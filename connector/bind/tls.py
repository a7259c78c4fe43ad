"""TLS files in, an `ssl.SSLContext` out.

Rule: files are read when a connection is made, and a refusal names the field whose file is wrong. `dial` is the next
station.
"""

import ssl
from pathlib import Path

from connector.bind.settings import SettingsUnreadable, TlsSettings, read_secret


def context(settings: TlsSettings) -> ssl.SSLContext:
    """A client context from the files as they are now. Blocks for some milliseconds while it reads them.

    Raises SettingsUnreadable, which names the field whose file is missing, unreadable or no PEM.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is None:
        made.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        try:
            made.load_verify_locations(cafile=settings.ca_file)
        except ssl.SSLError as error:
            raise SettingsUnreadable(
                f"tls.ca_file: {settings.ca_file} holds no certificate in PEM; put one there, or name another"
            ) from error
        except OSError as error:
            raise SettingsUnreadable(f"tls.ca_file: cannot read {settings.ca_file} ({error.strerror})") from error
    if not settings.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if settings.cert_file is not None:
        _load_client_certificate(made, settings, settings.cert_file)
    return made


def _load_client_certificate(made: ssl.SSLContext, settings: TlsSettings, cert_file: Path) -> None:
    field = "tls.key_file" if settings.key_file is not None else "tls.cert_file"
    key_file = settings.key_file or cert_file
    files = f"{cert_file}, {key_file}" if settings.key_file is not None else f"{cert_file}"
    asked = False

    def password() -> str:
        # Without a function OpenSSL would ask on the terminal and block the process.
        nonlocal asked
        asked = True
        if settings.key_password is not None:
            return settings.key_password.get_secret_value()
        if settings.key_password_file is not None:
            return read_secret(settings.key_password_file, "tls.key_password_file")
        return ""

    try:
        made.load_cert_chain(cert_file, settings.key_file, password)
    except ssl.SSLError as error:
        reason = error.reason or ""
        if "KEY_VALUES_MISMATCH" in reason:
            raise SettingsUnreadable(
                f"{field}: the key in {key_file} does not belong to the certificate in {cert_file}"
            ) from error
        if asked:
            raise SettingsUnreadable(
                f"{field}: the key in {key_file} is encrypted and tls.key_password does not open it; set it, "
                "or tls.key_password_file"
            ) from error
        raise SettingsUnreadable(f"tls.cert_file, tls.key_file: no certificate and key in PEM in {files}") from error
    except OSError as error:
        raise SettingsUnreadable(f"tls.cert_file, {field}: cannot read {files} ({error.strerror})") from error
