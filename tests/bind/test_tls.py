"""TLS to a real server: trusted, or refused with words that say what is wrong and what to do."""

import asyncio
import contextlib
import datetime
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from connector.bind import tls
from connector.bind.dial import Trouble, explain
from connector.bind.reconnect import Ending
from connector.bind.settings import SettingsUnreadable, TlsSettings
from tests.bind.support import Stage, bound, message, pool, settings, until
from tests.support.smsc import smsc


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA) -> Iterator[Path]:
    with authority.cert_pem.tempfile() as path:
        yield Path(path)


def server(certificate: trustme.LeafCert, client_authority: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if client_authority is not None:
        client_authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def refusal(context: ssl.SSLContext, **tls_settings: Any) -> tuple[Ending, str]:
    """How the first attempt against such a server ends."""
    stage = Stage()
    async with smsc(context) as gateway:
        config = settings(gateway, reconnect_min=5.0, reconnect_max=5.0, tls={"enabled": True, **tls_settings})
        async with pool(config, stage) as binds:
            await binds.add(0)
            await until(lambda: stage.refusals)
            assert not gateway.binds
    return stage.refusals[0].ending, stage.refusals[0].words


async def test_a_trusted_gateway_is_bound_to(authority: trustme.CA, ca_file: Path) -> None:
    stage = Stage()
    async with smsc(server(authority.issue_cert("127.0.0.1"))) as gateway:
        async with bound(settings(gateway, tls={"enabled": True, "ca_file": ca_file}), stage) as bind:
            for number in range(200):
                bind.submit(message(number), number)
            await until(lambda: len(stage.answers) == 200)
            assert [answer.context for answer in stage.answers] == list(range(200))
        assert gateway.peers[0].unbound


async def test_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    ending, words = await refusal(server(authority.issue_cert("127.0.0.1")))
    assert ending is Ending.NOT_TRUSTED
    assert "authority unknown here" in words
    assert "tls.ca_file" in words


async def test_a_self_signed_certificate_is_refused(ca_file: Path) -> None:
    # An authority's own certificate, served as if it were a host's.
    lonely = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with lonely.cert_pem.tempfile() as cert, lonely.private_key_pem.tempfile() as key:
        context.load_cert_chain(cert, key)
    ending, words = await refusal(context, ca_file=ca_file)
    assert ending is Ending.NOT_TRUSTED
    assert "self-signed" in words
    assert "tls.ca_file" in words


async def test_an_expired_certificate_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    old = authority.issue_cert(
        "127.0.0.1",
        not_before=datetime.datetime(2010, 1, 1, tzinfo=datetime.UTC),
        not_after=datetime.datetime(2011, 1, 1, tzinfo=datetime.UTC),
    )
    ending, words = await refusal(server(old), ca_file=ca_file)
    assert ending is Ending.NOT_TRUSTED
    assert "has expired" in words
    assert "renew" in words


@pytest.mark.parametrize("name", ["gateway.example", "127.0.0.9"])
async def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, ca_file: Path, name: str) -> None:
    ending, words = await refusal(server(authority.issue_cert(name)), ca_file=ca_file)
    assert ending is Ending.NOT_TRUSTED
    assert "is for another" in words
    assert "tls.server_name" in words
    assert name not in words


async def test_server_name_is_asked_for_and_checked(authority: trustme.CA, ca_file: Path) -> None:
    asked: list[str | None] = []
    context = server(authority.issue_cert("gateway.example"))
    context.sni_callback = lambda connection, name, served: asked.append(name)
    stage = Stage()
    async with smsc(context) as gateway:
        config = settings(gateway, tls={"enabled": True, "ca_file": ca_file, "server_name": "gateway.example"})
        async with bound(config, stage):
            assert asked == ["gateway.example"]


async def test_with_verify_off_anybody_is_trusted(authority: trustme.CA) -> None:
    stage = Stage()
    tls_settings = {"enabled": True, "verify": False}
    context = server(authority.issue_cert("gateway.example"))
    async with smsc(context) as gateway, bound(settings(gateway, tls=tls_settings), stage):
        assert len(gateway.binds) == 1


async def test_a_client_certificate_is_shown(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    ours = authority.issue_cert("client.example")
    pem = tmp_path / "client.pem"
    ours.private_key_and_cert_chain_pem.write_to_path(pem)
    stage = Stage()
    async with smsc(server(authority.issue_cert("127.0.0.1"), authority)) as gateway:
        config = settings(gateway, tls={"enabled": True, "ca_file": ca_file, "cert_file": pem})
        async with bound(config, stage):
            shown = gateway.peers[0].transport.get_extra_info("peercert")
            assert ("DNS", "client.example") in shown["subjectAltName"]


async def test_a_gateway_that_wants_a_client_certificate_says_so(authority: trustme.CA, ca_file: Path) -> None:
    """A server on blocking sockets: asyncio's own closes without the alert.

    It reads on until the client hangs up: a socket that is closed with the client's bind unread resets the connection,
    and a write that meets the reset would end the client before it has read the alert.
    """
    context = server(authority.issue_cert("127.0.0.1"), authority)

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
            with contextlib.suppress(ssl.SSLError):
                secured.do_handshake()
            with contextlib.suppress(ConnectionResetError):
                while socket.socket.recv(secured, 4096):
                    pass

    stage = Stage()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.get_running_loop().run_in_executor(None, serve, listener)
        config = settings(port=listener.getsockname()[1], reconnect_min=5.0, reconnect_max=5.0)
        config = config.model_copy(update={"tls": TlsSettings(enabled=True, ca_file=ca_file)})
        async with pool(config, stage) as binds:
            await binds.add(0)
            await until(lambda: stage.refusals)
        await serving
    assert stage.refusals[0].ending is Ending.NOT_TRUSTED
    assert "does not accept our client certificate" in stage.refusals[0].words


async def test_a_gateway_that_hangs_up_without_a_word_may_want_a_certificate(
    authority: trustme.CA, ca_file: Path
) -> None:
    ending, words = await refusal(server(authority.issue_cert("127.0.0.1"), authority), ca_file=ca_file)
    assert ending is Ending.CLOSED_EARLY
    assert "access list" in words
    assert "wants a client certificate (tls.cert_file)" in words


async def test_a_gateway_that_hangs_up_on_our_certificate_may_not_accept_it(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().issue_cert("client.example").private_key_and_cert_chain_pem.write_to_path(stranger)
    ending, words = await refusal(
        server(authority.issue_cert("127.0.0.1"), authority), ca_file=ca_file, cert_file=stranger
    )
    assert ending is Ending.CLOSED_EARLY
    assert "accepts our client certificate (tls.cert_file)" in words


async def test_a_plain_port_is_recognised() -> None:
    def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    stage = Stage()
    config = settings(port=listener.sockets[0].getsockname()[1], tls={"enabled": True})
    async with listener, pool(config, stage) as binds:
        await binds.add(0)
        await until(lambda: stage.refusals)
    assert stage.refusals[0].ending is Ending.UNREACHABLE
    assert "does not speak TLS" in stage.refusals[0].words


async def test_a_handshake_that_stalls_ends_in_time() -> None:
    stage = Stage()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The kernel takes the connection, and nobody ever answers.
        config = settings(port=listener.getsockname()[1], connect_timeout=0.05, tls={"enabled": True, "verify": False})
        async with pool(config, stage) as binds:
            await binds.add(0)
            await until(lambda: stage.refusals)
    assert stage.refusals[0].ending is Ending.UNREACHABLE
    assert "in time" in stage.refusals[0].words


async def test_a_replaced_certificate_is_taken_up_by_the_next_connection(authority: trustme.CA, tmp_path: Path) -> None:
    stage = Stage()
    trusted = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(trusted)
    tls_settings = {"enabled": True, "ca_file": trusted}
    context = server(authority.issue_cert("127.0.0.1"))
    async with smsc(context) as gateway, pool(settings(gateway, tls=tls_settings), stage) as binds:
        bind = await binds.add(0)
        await until(lambda: stage.refusals)
        authority.cert_pem.write_to_path(trusted)
        await until(lambda: bind.ready)


def test_the_key_may_have_a_password(authority: trustme.CA, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    ours = authority.issue_cert("client.example")
    key = serialization.load_pem_private_key(ours.private_key_pem.bytes(), None)
    locked, cert, word = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "word"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open"),
        )
    )
    ours.cert_chain_pems[0].write_to_path(cert)
    word.write_text("open\n")
    tls.context(TlsSettings(enabled=True, cert_file=cert, key_file=locked, key_password_file=word))
    tls.context(TlsSettings.model_validate({"cert_file": cert, "key_file": locked, "key_password": "open"}))
    with pytest.raises(
        SettingsUnreadable, match=r"tls.key_file: the key in .*key.pem is encrypted and tls.key_password does not"
    ):
        tls.context(TlsSettings(enabled=True, cert_file=cert, key_file=locked))
    word.unlink()


def test_files_that_hold_something_else_are_named_by_their_field(authority: trustme.CA, tmp_path: Path) -> None:
    junk, cert, key = tmp_path / "junk.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    junk.write_text("nothing of the kind")
    authority.issue_cert("a.example").cert_chain_pems[0].write_to_path(cert)
    authority.issue_cert("b.example").private_key_pem.write_to_path(key)
    with pytest.raises(SettingsUnreadable, match=r"tls.ca_file: .*junk.pem holds no certificate"):
        tls.context(TlsSettings(ca_file=junk))
    with pytest.raises(SettingsUnreadable, match=r"tls.cert_file.* no certificate and key in PEM in .*junk.pem"):
        tls.context(TlsSettings(cert_file=junk))
    with pytest.raises(SettingsUnreadable, match=r"tls.key_file: the key in .*key.pem does not belong"):
        tls.context(TlsSettings(cert_file=cert, key_file=key))
    gone = TlsSettings(ca_file=junk)
    junk.unlink()
    with pytest.raises(SettingsUnreadable, match=r"tls.ca_file: cannot read .*junk.pem"):
        tls.context(gone)


@pytest.mark.parametrize("code", [9, 10, 18, 19, 20, 21, 23, 62, 64, 999])
def test_every_verify_error_has_words(code: int) -> None:
    error = ssl.SSLCertVerificationError(1, "verify failed for 127.0.0.1")
    error.verify_code = code
    explained = explain(error, tls=True)
    assert explained.trouble is Trouble.TRUST
    assert "127" not in explained.words


@pytest.mark.parametrize(
    "error",
    [
        OSError("Multiple exceptions: [Errno 111] Connect call failed ('127.0.0.1', 1)"),
        OSError(113, "No route to host"),
        ConnectionResetError(104, "reset by 127.0.0.1"),
        TimeoutError(),
        ssl.SSLError(1, "something at 127.0.0.1"),
        UnicodeError("label too long in 127.0.0.1"),
    ],
)
def test_no_explanation_holds_an_address(error: Exception) -> None:
    assert "127" not in explain(error, tls=True).words
