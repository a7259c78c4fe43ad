"""From an endpoint to a connected transport: name, TCP, TLS; and what went wrong on the way, in words.

Rule: every refusal says what is wrong and what to do about it, and holds no address, name or secret. `link` is the
protocol that is connected, `legs` the next station.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from enum import Enum, auto
from types import MappingProxyType
from typing import TypeVar

from connector.bind import tls
from connector.bind.settings import Endpoint, SettingsUnreadable, TlsSettings

_P = TypeVar("_P", bound=asyncio.Protocol)

CLOSE_TIMEOUT = 3.0
"""Seconds for TLS's close_notify to be answered."""

# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h), as `SSLCertVerificationError.verify_code` carries them.
_UNTRUSTED = "set tls.ca_file to the authority that signed it, if that authority is to be trusted"
_CERTIFICATE_WORDS = MappingProxyType(
    {
        9: "the gateway's certificate is not valid yet: check this machine's clock",
        10: "the gateway's certificate has expired: its operator must renew it; check this machine's clock too",
        18: f"the gateway's certificate is self-signed: {_UNTRUSTED}",
        19: f"the gateway's certificate comes from an authority unknown here: {_UNTRUSTED}",
        20: f"the gateway's certificate comes from an authority unknown here: {_UNTRUSTED}",
        21: f"the gateway's certificate comes from an authority unknown here: {_UNTRUSTED}",
        23: "the gateway's certificate was revoked: do not connect, ask the gateway's operator",
        62: "the gateway's certificate is for another name: correct host, or set tls.server_name to the one it has",
        64: "the gateway's certificate is for another address: set tls.server_name to the name it has",
    }
)
# Alerts by which a server turns a client certificate down (RFC 8446, 6.2), as OpenSSL spells them in `reason`.
_CLIENT_CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REVOKED",
    "UNSUPPORTED_CERTIFICATE",
    "ACCESS_DENIED",
)
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH")


class Trouble(Enum):
    """What kind of thing kept a connection from being made, or ended it."""

    NETWORK = auto()
    """Nobody answers, or the way there is broken: another attempt may do."""
    TRUST = auto()
    """A certificate is refused, by us or by the gateway: somebody must do something."""
    SETTINGS = auto()
    """A file named in the settings cannot be used: somebody must do something."""


class ConnectFailed(Exception):
    """No connection came about; `str()` says why in words fit for a log and a status page."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble
        self.words = words


async def connect(
    endpoint: Endpoint,
    protocol: Callable[[], _P],
    *,
    settings: TlsSettings,
    timeout: float,
) -> _P:
    """A connected protocol. `timeout` seconds for name, TCP and TLS together.

    Raises ConnectFailed; nothing stays open then.
    """
    try:
        async with asyncio.timeout(timeout):
            context = await asyncio.to_thread(tls.context, settings) if settings.enabled else None
            _, made = await asyncio.get_running_loop().create_connection(
                protocol,
                endpoint.host,
                endpoint.port,
                ssl=context,
                server_hostname=(settings.server_name or endpoint.host) if context is not None else None,
                # A little less than the whole, so that a handshake that stalls is named as such.
                ssl_handshake_timeout=timeout * 0.9 if context is not None else None,
                ssl_shutdown_timeout=CLOSE_TIMEOUT if context is not None else None,
                happy_eyeballs_delay=0.25,
            )
    except (OSError, ValueError) as error:
        # ValueError: SettingsUnreadable, and a host that cannot be a host name (UnicodeError of its encoding).
        raise explain(error, tls=settings.enabled) from error
    return made


def explain(error: Exception, *, tls: bool) -> ConnectFailed:
    """What an error of the socket or of OpenSSL means here; the caller raises it `from` the original."""
    if isinstance(error, SettingsUnreadable):
        return ConnectFailed(Trouble.SETTINGS, str(error))
    if isinstance(error, ssl.SSLCertVerificationError):
        words = _CERTIFICATE_WORDS.get(
            error.verify_code, f"the gateway's certificate is refused (OpenSSL verify code {error.verify_code})"
        )
        return ConnectFailed(Trouble.TRUST, words)
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error)
    if isinstance(error, socket.gaierror):
        return ConnectFailed(Trouble.NETWORK, "the host name does not resolve: check host and the name service")
    if isinstance(error, ConnectionRefusedError):
        return ConnectFailed(Trouble.NETWORK, "nothing listens on the port: check host and port")
    if tls and isinstance(error, ConnectionAbortedError):
        return ConnectFailed(Trouble.NETWORK, "the TLS handshake did not end in time")
    if isinstance(error, TimeoutError):
        return ConnectFailed(Trouble.NETWORK, "the host does not answer in time")
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        words = "the gateway closed the connection" + (" during the TLS handshake" if tls else "")
        return ConnectFailed(Trouble.NETWORK, words)
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return ConnectFailed(Trouble.SETTINGS, "host, or tls.server_name, cannot be a host name: correct it")
    # asyncio joins the errors of several addresses into one, whose text holds the addresses.
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "none of its addresses answers"
    return ConnectFailed(Trouble.NETWORK, f"no connection to the host: {reason}")


def _explain_tls(error: ssl.SSLError) -> ConnectFailed:
    # asyncio raises some of its own, without a reason.
    reason = getattr(error, "reason", None) or ""
    if any(word in reason for word in _NOT_TLS):
        return ConnectFailed(Trouble.NETWORK, "the port does not speak TLS: check port (3443 is TLS, 3700 is plain)")
    if "ALERT" in reason and any(word in reason for word in _CLIENT_CERTIFICATE_ALERTS):
        return ConnectFailed(
            Trouble.TRUST,
            "the gateway does not accept our client certificate: set tls.cert_file and tls.key_file to a valid one",
        )
    if "UNRECOGNIZED_NAME" in reason:
        return ConnectFailed(Trouble.TRUST, "the gateway does not know the name we ask for: set tls.server_name")
    if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return ConnectFailed(Trouble.TRUST, "the gateway speaks only TLS older than 1.2, which is refused")
    return ConnectFailed(Trouble.NETWORK, f"the TLS handshake failed ({reason or 'no reason given'})")
