"""A RabbitMQ of our own: a node at free ports, with all that it keeps in one folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pika
from ports import free_port

FOLDER_VARIABLE = "COLLOQUY_RABBITMQ"
# Where Debian's package has the scripts that start it as whoever calls; those in /usr/sbin change to another user.
DEBIAN = Path("/usr/lib/rabbitmq/bin")
START_SECS = 90


def scripts():
    """The folder with rabbitmq-server."""
    given = os.environ.get(FOLDER_VARIABLE)
    folders = [Path(given)] if given else [DEBIAN, *(Path(found).parent for found in [shutil.which("rabbitmq-server")] if found)]
    for folder in folders:
        if (folder / "rabbitmq-server").is_file():
            return folder
    sys.exit(f"there is no rabbitmq-server in {', '.join(map(str, folders))}")


class Broker:
    """`start` and `kill` as often as one likes: the port stays, and so does what is durable."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.folder, self.port, self._process = folder, free_port(), None
        (folder / "plugins").write_text("[].\n")
        self._environment = dict(
            os.environ, HOME=str(folder), RABBITMQ_NODENAME=f"colloquy-{self.port}@localhost",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1", RABBITMQ_NODE_PORT=str(self.port), RABBITMQ_DIST_PORT=str(free_port()),
            ERL_EPMD_PORT=str(free_port()), ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_MNESIA_BASE=str(folder / "data"),
            RABBITMQ_LOG_BASE=str(folder / "log"), RABBITMQ_PID_FILE=str(folder / "pid"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"), RABBITMQ_CONF_ENV_FILE="/dev/null",
            RABBITMQ_CONFIG_FILE=str(folder / "none"))

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2f"

    def start(self):
        with open(self.folder / "output", "ab") as output:
            # A group of its own: all that it starts is ended together.
            self._process = subprocess.Popen(
                [scripts() / "rabbitmq-server"], env=self._environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        deadline = time.monotonic() + START_SECS
        while True:
            try:
                self.connect().close()
                return self
            except (pika.exceptions.AMQPError, OSError):
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"RabbitMQ does not start:\n{(self.folder / 'output').read_text()[-3000:]}")
            time.sleep(0.2)

    def kill(self):
        """It dies at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self):
        """It says nothing any more, and its connections stay."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self._process.pid, signal.SIGCONT)

    def end(self):
        self.kill()
        # The names of nodes are kept by a process that outlives them.
        subprocess.run(["epmd", "-kill"], env=self._environment, capture_output=True, timeout=30, check=False)

    def connect(self):
        return pika.BlockingConnection(pika.URLParameters(f"{self.url}?socket_timeout=5&blocked_connection_timeout=5"))

    def declare(self, queue):
        """As recorders do."""
        connection = self.connect()
        connection.channel().queue_declare(queue, durable=True)
        connection.close()

    def take(self, queue, secs=5):
        """The next message of a queue: its properties and its body."""
        connection = self.connect()
        try:
            channel, deadline = connection.channel(), time.monotonic() + secs
            while time.monotonic() < deadline:
                method, properties, body = channel.basic_get(queue, auto_ack=True)
                if method is not None:
                    return properties, body
                time.sleep(0.05)
            raise AssertionError(f"nothing comes into {queue} within {secs} s")
        finally:
            connection.close()
