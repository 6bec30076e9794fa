"""Checks the server beside a real RabbitMQ: `./test peers rabbitmq`, or single checks by words of their names."""

import argparse
import asyncio
import fcntl
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

# The server under test, requests by HTTP and the client of signaling are the same for all peers.
PEERS = Path(__file__).resolve().parent.parent
sys.path += [str(PEERS / "livekit"), str(PEERS / "keycloak")]

import tools


def main():
    parser = argparse.ArgumentParser(prog="rabbitmq")
    parser.add_argument("--target", type=Path, required=True, help="folder for everything that is made")
    parser.add_argument("--binary", type=Path, required=True, help="the server under test")
    parser.add_argument("words", nargs="*", help="only checks whose name contains one of these")
    arguments = parser.parse_args()
    target = arguments.target.resolve() / "rabbitmq"
    target.mkdir(parents=True, exist_ok=True)
    # Two runs would measure each other; the second waits.
    lock = open(target / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    interpreter = tools.python(target, Path(__file__).with_name("requirements.txt"))
    if Path(sys.executable) != interpreter:
        # The same again where the packages are.
        lock.close()
        os.execv(interpreter, [interpreter, "-B", Path(__file__).parent, *sys.argv[1:]])
    import checks  # noqa: F401 (fills the registry)
    from registry import CHECKS
    chosen = {name: check for name, check in CHECKS.items()
              if not arguments.words or any(word in name for word in arguments.words)}
    if not chosen:
        return "no check has such a name: " + ", ".join(CHECKS)
    with tempfile.TemporaryDirectory(prefix="run-", dir=target) as folder:
        return run(chosen, arguments.binary.resolve(), Path(folder))


def run(chosen, binary, folder):
    """One after the other with one broker, which some of them kill."""
    from broker import Broker
    broker, failed = Broker(folder / "broker"), []
    try:
        broker.start()
        for name, check in chosen.items():
            begin = time.monotonic()
            passed = asyncio.run(play(name, check, binary, folder, broker))
            print(f"{'ok' if passed else 'FAIL':5}{time.monotonic() - begin:4.0f} s  {name}: {check.says}", flush=True)
            if not passed:
                failed.append(name)
    finally:
        broker.end()
    print(f"rabbitmq: {len(chosen) - len(failed)} passed, {len(failed)} failed")
    return f"FAILED: {', '.join(failed)}" if failed else 0


async def play(name, check, binary, folder, broker):
    from scene import Scene
    scene = Scene(binary, folder / name, broker)
    try:
        await asyncio.wait_for(check.play(scene), check.secs)
        return True
    except Exception:
        traceback.print_exc()
        print(scene.logs(), flush=True)
        return False
    finally:
        await scene.close()


sys.exit(main())
