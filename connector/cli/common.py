"""What every subcommand needs: the --config option, consoles, logging, and errors as a person can use them."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from connector.config import ConfigError, load
from connector.kafka.clients import KafkaError, KafkaUnavailable
from connector.kafka.registry import RegistryUnavailable
from connector.stages.settings import StageConfig

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3

CONFIG_VARIABLE = "SMS_CONNECTOR_CONFIG"
DEFAULT_CONFIG = Path("connector.yaml")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar=CONFIG_VARIABLE,
        help=f"Configuration file; {DEFAULT_CONFIG} in this folder where it exists.",
        show_default=False,
    ),
]


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """Ends the command with a message for a person, and no traceback."""
    for line in message.splitlines():
        err.print(f"error: {line}", markup=False)
    raise typer.Exit(code)


def warn(message: str) -> None:
    """Says on standard error what may not be meant; the command goes on."""
    err.print(f"warning: {message}", markup=False)


def assignments(pairs: Sequence[str], wanted: str) -> dict[str, str]:
    """What stands before each first "=" to what stands behind it; the last of one name counts. Ends the command with
    `wanted` and exit code 2 where a pair has no "=" or nothing before it."""
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            fail(wanted, EXIT_USAGE)
        found[name] = value
    return found


def load_config(path: Path | None) -> StageConfig:
    """The checked configuration; ends the command with exit code 2 and one line for each wrong field."""
    if path is None and DEFAULT_CONFIG.exists():
        path = DEFAULT_CONFIG
    try:
        return load(path)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)


def unreachable(config: StageConfig, error: KafkaError) -> NoReturn:
    """Ends the command because Kafka (or the registry) does not answer or says no."""
    fail(with_remedy(config, error), EXIT_UNREACHABLE)


def with_remedy(config: StageConfig, error: KafkaError) -> str:
    """What went wrong, and where to look if nobody answers."""
    if isinstance(error, RegistryUnavailable) and config.kafka.registry is not None:
        return f"{error}; is the registry at {config.kafka.registry.url} (kafka.registry.url)?"
    if isinstance(error, KafkaUnavailable):
        servers = config.kafka.bootstrap_servers
        return f"{error}; is a broker at {servers} (kafka.bootstrap_servers)? `connector check` says more"
    return str(error)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends the command cleanly, with the shell's code for it."""
    try:
        yield
    except KeyboardInterrupt:
        err.print("interrupted", markup=False)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # The reader (head, say) has enough; nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


class _JsonFormatter(logging.Formatter):
    """One JSON object a line, for log collectors."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "process": record.processName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Repeats(logging.Filter):
    """Lets a library say the same thing once in ten seconds: while a topic is missing, aiokafka says so ten times in
    one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("connector"):
            return True
        now, words = self._clock(), record.getMessage()
        if now - self._said.get(words, -_REPEAT_AFTER) < _REPEAT_AFTER:
            return False
        if len(self._said) > 1_000:
            self._said.clear()
        self._said[words] = now
        return True


_REPEAT_AFTER = 10.0


def configure_logging(config: StageConfig, process: str) -> None:
    """Logs to standard error; the libraries speak only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    if config.log_format == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        form = logging.Formatter(f"%(asctime)s %(levelname)-7s {process:<8} %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ")
        form.converter = time.gmtime
        handler.setFormatter(form)
    handler.addFilter(_Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("connector").setLevel(config.log_level)
    if config.log_level != "DEBUG":
        # What aiokafka logs as an error it tries again by itself, and what does not pass comes to us as an exception;
        # the other two are Faust's way of counting its services.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        for name in ("connector.stages.tables", "connector.stages.polling"):
            logging.getLogger(name).setLevel(logging.WARNING)
