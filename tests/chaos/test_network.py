"""The ways that toxiproxy spoils, and where its binary is looked for."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.network import VARIABLE, Network, found_server, why_not


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that answers what it is told, line by line."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(line)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_way_is_spoiled_and_healed(tmp_path: Path, echo: int) -> None:
    """Broken by: a toxic in the wrong direction, or one that stays."""
    server = found_server()
    if server is None:
        assert not os.environ.get("CI"), why_not()
        pytest.skip(why_not())
    async with Network(server, tmp_path / "log") as network:
        proxy = await network.proxy("way", echo)

        async def echoed() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            try:
                writer.write(b"hello\n")
                async with asyncio.timeout(1.0):
                    return await reader.readline()
            finally:
                writer.close()

        assert await echoed() == b"hello\n"
        for back in (False, True):
            await proxy.spoil("timeout", back=back, timeout=0)
            with pytest.raises(TimeoutError):
                await echoed()
            await proxy.heal()
            assert await echoed() == b"hello\n"
        await proxy.spoil("reset_peer", timeout=0)
        with pytest.raises(ConnectionResetError):
            await echoed()
        await network.heal()
        assert await echoed() == b"hello\n"


def test_the_binary_is_the_one_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "any-name"
    monkeypatch.setenv(VARIABLE, str(binary))
    assert found_server() is None
    binary.touch(mode=0o755)
    assert found_server() == binary


def test_without_a_name_it_is_looked_for_on_the_path_and_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert found_server() is None
    cached = tmp_path / "cache" / "sms-connector" / "bin" / "server"
    cached.parent.mkdir(parents=True)
    cached.touch(mode=0o755)
    assert found_server() == cached
    (tmp_path / "toxiproxy-server").touch(mode=0o755)
    assert found_server() == tmp_path / "toxiproxy-server"
