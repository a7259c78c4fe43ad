"""The TLS listeners: a server certificate, and a client's where it is asked for."""

import ssl
from pathlib import Path

import pytest
import trustme

from connector.simulator import Simulator, SimulatorSettings
from connector.simulator.listeners import ListenError
from connector.simulator.script import Host
from connector.simulator.settings import TlsSettings
from tests.simulator.esme import Esme, sms


class Certificates:
    """An authority, the gateway's certificate and a client's, as PEM files."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)
        server = self.authority.issue_cert("localhost")
        self.cert_file, self.key_file = folder / "server.pem", folder / "server.key"
        server.private_key_pem.write_to_path(self.key_file)
        for pem in server.cert_chain_pems:
            pem.write_to_path(self.cert_file, append=True)

    def client(self, *, certified: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if certified:
            self.authority.issue_cert("client.example").configure_cert(context)
        return context


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def test_both_hosts_speak_tls(certificates: Certificates) -> None:
    tls = TlsSettings(cert_file=certificates.cert_file, key_file=certificates.key_file)
    async with Simulator(SimulatorSettings(tls=tls)) as sim:
        for port, host in ((sim.tls_port, Host.PRIMARY), (sim.backup_tls_port, Host.BACKUP)):
            async with await Esme.connect(port, tls=certificates.client()) as esme:
                assert await esme.bind() == 0
                assert sim.bound("demo")[-1].host is host


async def test_receipts_come_over_tls(certificates: Certificates) -> None:
    tls = TlsSettings(cert_file=certificates.cert_file, key_file=certificates.key_file)
    async with (
        Simulator(SimulatorSettings(tls=tls)) as sim,
        await Esme.connect(sim.tls_port, tls=certificates.client()) as esme,
    ):
        await esme.bind()
        await esme.submit(sms())
        await sim.settled()
        assert len(esme.deliveries) == 1


async def test_a_client_certificate_may_be_asked_for(certificates: Certificates) -> None:
    tls = TlsSettings(
        cert_file=certificates.cert_file, key_file=certificates.key_file, client_ca_file=certificates.ca_file
    )
    async with Simulator(SimulatorSettings(tls=tls)) as sim:
        async with await Esme.connect(sim.tls_port, tls=certificates.client(certified=True)) as esme:
            assert await esme.bind() == 0
        # With TLS 1.3 a client learns of the refusal only after its own handshake is done.
        esme = await Esme.connect(sim.tls_port, tls=certificates.client())
        await esme.until(lambda: esme.closed)


async def test_without_a_certificate_there_is_no_tls_port() -> None:
    async with Simulator() as sim:
        assert sim.tls_port is None
        assert sim.backup_tls_port is None


def test_a_certificate_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    tls = TlsSettings(cert_file=tmp_path / "absent.pem", key_file=tmp_path / "absent.key")
    with pytest.raises(ListenError, match="tls"):
        Simulator(SimulatorSettings(tls=tls))


async def test_a_port_that_is_taken_is_told() -> None:
    async with Simulator() as first:
        with pytest.raises(ListenError, match=str(first.port)):
            await Simulator(SimulatorSettings(port=first.port)).start()
