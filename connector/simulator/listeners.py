"""The gateway's ports: a plain and a TLS listener for each of its two hosts, opened, closed and opened again."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable

from connector.simulator.script import Host
from connector.simulator.settings import SimulatorSettings, TlsSettings


class ListenError(OSError):
    """A port could not be opened; the message says which and why. Choose another."""


class UnusableAddress(ListenError):
    """Nothing can listen on the address that the settings name: it is none of this machine. Correct it."""


class UnusableCertificate(ListenError):
    """A file of the TLS settings does not serve; the message names it. Correct it."""


class Listeners:
    """Opens what the settings ask for. A port 0 is chosen when it is first opened and kept from then on."""

    def __init__(self, settings: SimulatorSettings, factory: Callable[[Host], asyncio.Protocol]) -> None:
        self._address = settings.host
        self._factory = factory
        self._tls = None if settings.tls is None else server_context(settings.tls)
        self._ports: dict[tuple[Host, bool], int] = {(Host.PRIMARY, False): settings.port}
        if settings.backup_port is not None:
            self._ports[Host.BACKUP, False] = settings.backup_port
        if self._tls is not None:
            self._ports[Host.PRIMARY, True] = settings.tls_port
            if settings.backup_tls_port is not None:
                self._ports[Host.BACKUP, True] = settings.backup_tls_port
        self._servers: dict[tuple[Host, bool], asyncio.Server] = {}

    def port(self, host: Host, *, tls: bool) -> int | None:
        """The port of a listener; None where the settings ask for none."""
        return self._ports.get((host, tls))

    async def open(self, host: Host | None = None) -> None:
        """Listen on the ports of a host, or of all that are not open yet. Raises `ListenError`."""
        loop = asyncio.get_running_loop()
        for key, port in list(self._ports.items()):
            if key in self._servers or (host is not None and key[0] is not host):
                continue
            try:
                server = await loop.create_server(
                    lambda which=key[0]: self._factory(which),
                    self._address,
                    port,
                    ssl=self._tls if key[1] else None,
                    backlog=1000,
                )
            except (OSError, ValueError) as error:
                raise _refused(error, self._address, port) from error
            self._servers[key] = server
            self._ports[key] = int(server.sockets[0].getsockname()[1])

    def close(self, host: Host | None = None) -> list[asyncio.Server]:
        """Stop listening; connections that exist stay. The caller may await `wait_closed` of what is returned."""
        keys = [key for key in self._servers if host is None or key[0] is host]
        closed = [self._servers.pop(key) for key in keys]
        for server in closed:
            server.close()
        return closed


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """TLS as a server; a client certificate is asked for where its authority is named. Raises
    `UnusableCertificate`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    except OSError as error:  # ssl.SSLError is one
        files = f"tls.cert_file {settings.cert_file}, tls.key_file {settings.key_file}"
        raise UnusableCertificate(f"{files}: {_reason(error, 'no certificate and its key in PEM')}") from error
    if settings.client_ca_file is not None:
        try:
            context.load_verify_locations(settings.client_ca_file)
        except OSError as error:
            reason = _reason(error, "no certificate in PEM")
            raise UnusableCertificate(f"tls.client_ca_file {settings.client_ca_file}: {reason}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _reason(error: OSError, no_pem: str) -> str:
    return no_pem if isinstance(error, ssl.SSLError) else f"cannot be read ({error.strerror})"


def _refused(error: OSError | ValueError, address: str, port: int) -> ListenError:
    """ValueError: what can be no host name. Newer Pythons give no number where no address of a host is ours."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None or number == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return UnusableAddress(f"host: found {address!r}, which is no address of this machine")
    assert isinstance(error, OSError)
    return ListenError(f"{address} port {port} cannot be opened: {os.strerror(number)}")
