"""Checks the server beside a real LiveKit: `./test peers livekit`, or single checks by words of their names."""

import argparse
import asyncio
import fcntl
import os
import sys
import tempfile
import traceback
from pathlib import Path

# The server under test and requests by HTTP are the same for all peers.
sys.path.append(str(Path(__file__).resolve().parent.parent / "keycloak"))

import tools


def main():
    parser = argparse.ArgumentParser(prog="livekit")
    parser.add_argument("--target", type=Path, required=True, help="folder for everything that is made")
    parser.add_argument("--binary", type=Path, help="the server under test")
    parser.add_argument("--list", action="store_true", help="tell the names")
    parser.add_argument("--alone", metavar="FOLDER", type=Path, help="one check in this process and folder")
    parser.add_argument("--livekit", type=Path, help="LiveKit's server, for one check")
    parser.add_argument("words", nargs="*", help="only checks whose name contains one of these")
    arguments = parser.parse_args()
    target = arguments.target.resolve() / "livekit"
    target.mkdir(parents=True, exist_ok=True)
    if arguments.alone:
        return play(arguments)
    # Two runs would measure each other; the second waits.
    lock = open(target / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    interpreter = tools.python(target)
    if Path(sys.executable) != interpreter:
        # The same again where the packages are.
        lock.close()
        os.execv(interpreter, [interpreter, "-B", Path(__file__).parent, *sys.argv[1:]])
    import checks  # noqa: F401 (fills the registry)
    from registry import CHECKS
    from run import run
    chosen = {name: check for name, check in CHECKS.items()
              if not arguments.words or any(word in name for word in arguments.words)}
    if arguments.list or not chosen:
        print("\n".join(f"{name:26}{check.says}" for name, check in CHECKS.items()))
        return 0 if arguments.list else "no check has such a name"
    with tempfile.TemporaryDirectory(prefix="run-", dir=target) as folder:
        return run(chosen, arguments.binary.resolve(), tools.livekit(target), Path(folder), arguments.target)


def play(arguments):
    """One check in this process; what it measured is printed, and what went wrong."""
    import checks  # noqa: F401 (fills the registry)
    from registry import CHECKS
    from scene import Scene

    async def whole():
        scene, status = Scene(arguments.binary, arguments.livekit, arguments.alone), 0
        try:
            await CHECKS[arguments.words[0]].play(scene)
        except Exception:  # whatever it is, the logs say more
            print(traceback.format_exc() + scene.logs())
            status = 1
        await scene.close()
        sys.stdout.flush()
        # At once: connections that are still in the making would be missed by the client's native part.
        os._exit(status)

    asyncio.run(whole())


if __name__ == "__main__":
    sys.exit(main())
