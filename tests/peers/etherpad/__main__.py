"""Checks the server beside a real Etherpad: `./test peers etherpad`, or single checks by words of their names."""

import argparse
import asyncio
import fcntl
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

# The server under test and requests by HTTP are the same for all peers, and so is the client of signaling.
PEERS = Path(__file__).resolve().parent.parent
sys.path += [str(PEERS / "keycloak"), str(PEERS / "livekit")]

import tools

# A guard against hanging.
CHECK_SECS = 180
AT_ONCE = 3


def main():
    parser = argparse.ArgumentParser(prog="etherpad")
    parser.add_argument("--target", type=Path, required=True, help="folder for everything that is made")
    parser.add_argument("--binary", type=Path, help="the server under test")
    parser.add_argument("--list", action="store_true", help="tell the names")
    parser.add_argument("--install", action="store_true", help="only get Etherpad, which takes minutes")
    parser.add_argument("words", nargs="*", help="only checks whose name contains one of these")
    arguments = parser.parse_args()
    target = arguments.target.resolve() / "etherpad"
    target.mkdir(parents=True, exist_ok=True)
    lock = open(target / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    interpreter = tools.python(target)
    if Path(sys.executable) != interpreter:
        # The same again where the packages are.
        lock.close()
        os.execv(interpreter, [interpreter, "-B", Path(__file__).parent, *sys.argv[1:]])
    installed = tools.etherpad(target)
    if arguments.install:
        return 0
    import checks  # noqa: F401 (fills the registry)
    from registry import CHECKS
    chosen = {name: check for name, check in CHECKS.items()
              if not arguments.words or any(word in name for word in arguments.words)}
    if arguments.list or not chosen:
        print("\n".join(f"{name:26}{check.__doc__}" for name, check in CHECKS.items()))
        return 0 if arguments.list else "no check has such a name"
    with tempfile.TemporaryDirectory(prefix="run-", dir=target) as folder:
        return asyncio.run(run(chosen, arguments.binary.resolve(), installed, Path(folder)))


async def run(chosen, binary, installed, folder):
    """A few at a time, since they wait more than they work; answers the exit status, or the names of those that failed."""
    failed, begin, places = [], time.monotonic(), asyncio.Semaphore(AT_ONCE)

    async def one(name, check):
        async with places:
            trouble, secs = await play(name, check, Scene(binary, installed, folder / name))
        if trouble:
            failed.append(name)
        print(f"{'FAIL' if trouble else 'ok':5}{secs:4.0f} s  {name}: {check.__doc__}", flush=True)
        print("".join(f"       {line}\n" for line in trouble.splitlines()), end="", flush=True)

    from scene import Scene
    await asyncio.gather(*(one(name, check) for name, check in chosen.items()))
    print(f"etherpad: {len(chosen) - len(failed)} passed, {len(failed)} failed in {time.monotonic() - begin:.0f} s")
    return f"FAILED: {', '.join(failed)}" if failed else 0


async def play(name, check, scene):
    """What went wrong, if anything, and how long it took."""
    began, trouble = time.monotonic(), ""
    try:
        await asyncio.wait_for(check(scene), CHECK_SECS)
    except Exception:  # whatever it is, the logs say more
        trouble = traceback.format_exc() + scene.logs()
    await scene.close()
    return trouble, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
