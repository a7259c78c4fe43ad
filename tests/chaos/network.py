"""Networks that fail: toxiproxy between the stages and Kafka, and between the submitter and the gateway.

Each replica has a way to Kafka of its own (a listener of the broker, and a proxy before it that the broker tells its
clients of), so that one can be cut off while the others go on. Where toxiproxy is not found there are no proxies.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from unittest.mock import patch

import aiohttp

from connector.embedded import kafka as embedded
from connector.embedded.kafka import EmbeddedKafka

VARIABLE: Final = "TOXIPROXY_SERVER"
INSTALL: Final = "github.com/Shopify/toxiproxy/v2/cmd/server@latest"
_START_SECONDS: Final = 20.0
_HIGH: Final = 1 << 40


def found_server() -> Path | None:
    """toxiproxy's binary: named by the environment, on the path, or in the cache folder under the name that
    `go install` gives it."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named) if os.access(named, os.X_OK) else None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sms-connector" / "bin"
    for candidate in (shutil.which("toxiproxy-server"), cache / "toxiproxy-server", cache / "server"):
        if candidate is not None and os.access(candidate, os.X_OK):
            return Path(candidate)
    return None


def why_not() -> str:
    """For people: why the network's faults are left out."""
    return (
        f"no toxiproxy here: {VARIABLE} may name its binary, or GOBIN=~/.cache/sms-connector/bin go install {INSTALL}"
    )


def free_port() -> int:
    """One that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Proxy:
    """One way that can be spoiled."""

    def __init__(self, network: "Network", name: str, port: int) -> None:
        self._network = network
        self.name = name
        self.port = port

    async def spoil(self, kind: str, *, back: bool = False, **attributes: int) -> None:
        """Adds a toxic; `back` False: to what our side sends."""
        stream = "downstream" if back else "upstream"
        body = {"name": f"{kind}-{stream}", "type": kind, "stream": stream, "attributes": attributes}
        await self._network.ask("POST", f"/proxies/{self.name}/toxics", body)

    async def heal(self) -> None:
        """Removes every toxic."""
        for toxic in await self._network.ask("GET", f"/proxies/{self.name}/toxics"):
            await self._network.ask("DELETE", f"/proxies/{self.name}/toxics/{toxic['name']}")


class Network:
    """A toxiproxy process and its proxies."""

    def __init__(self, server: Path, log: Path) -> None:
        self._server = server
        self._log = log
        self._api = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self.proxies: dict[str, Proxy] = {}

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(str(self._server), "-host", "127.0.0.1", "-port", str(self._api)),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # A connection for each request: it closes those that were idle, perhaps as the next request is on its way. It
        # takes a toxic away only when every connection under it has moved, which took more than ten seconds once.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=40), connector=aiohttp.TCPConnector(force_close=True)
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                while True:
                    if await self._answers():
                        break
                    await asyncio.sleep(0.05)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._end()

    async def proxy(self, name: str, upstream: int) -> Proxy:
        """A new way to a port of this machine."""
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{upstream}", "enabled": True}
        made = await self.ask("POST", "/proxies", body)
        proxy = self.proxies[name] = Proxy(self, name, int(made["listen"].rpartition(":")[2]))
        return proxy

    async def heal(self) -> None:
        """No way is spoiled any more."""
        for proxy in self.proxies.values():
            await proxy.heal()

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """toxiproxy's own interface."""
        assert self._session is not None, "entered first"
        async with self._session.request(method, f"http://127.0.0.1:{self._api}{path}", json=body) as answer:
            if answer.status == 404 and method == "DELETE":
                return None
            answer.raise_for_status()
            return await answer.json() if answer.status != 204 else None

    async def _answers(self) -> bool:
        assert self._process is not None
        if self._process.returncode is not None:
            raise OSError(f"toxiproxy ended at once; {self._log} says why")
        try:
            await self.ask("GET", "/version")
        except aiohttp.ClientConnectionError:
            return False
        except aiohttp.ContentTypeError:
            pass
        return True

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class ProxiedKafka(EmbeddedKafka):
    """The embedded broker with a listener for each way, told to clients by the proxy's port."""

    def __init__(self, data_dir: Path, ways: Sequence[tuple[str, int, int]]) -> None:
        """`ways`: name, the broker's port and the one that clients are told."""
        super().__init__(data_dir)
        self._ways = tuple(ways)

    def start(self) -> None:
        """As the broker's own."""
        text = embedded._PROPERTIES
        for key, place in (("\nlisteners=", 1), ("\nadvertised.listeners=", 2)):
            more = "".join(f"{way[0]}://127.0.0.1:{way[place]}," for way in self._ways)
            assert key in text, "the broker's properties name their listeners"
            text = text.replace(key, key + more)
        key = "\nlistener.security.protocol.map="
        assert key in text, "the broker's properties name their protocols"
        text = text.replace(key, key + "".join(f"{way[0]}:PLAINTEXT," for way in self._ways))
        with patch.object(embedded, "_PROPERTIES", text):
            super().start()
