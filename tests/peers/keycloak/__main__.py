"""Checks the server against a real Keycloak: `./test peers keycloak`, or single checks by words of their names."""

import argparse
import fcntl
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import checks  # noqa: F401 (fills the registry)
import distribution
from keycloak import Keycloak
from registry import CHECKS
from scene import Scene, make_realm

# Checks wait more than they compute.
THREADS = 6
# From the first check to the last one: a guard against hanging only.
CHECKS_SECS = 600


def main():
    parser = argparse.ArgumentParser(prog="keycloak")
    parser.add_argument("--target", type=Path, required=True, help="folder for everything that is made")
    parser.add_argument("--binary", type=Path, help="the server under test")
    parser.add_argument("--list", action="store_true", help="tell the names")
    parser.add_argument("--install", action="store_true", help="only get Keycloak")
    parser.add_argument("words", nargs="*", help="only checks whose name contains one of these")
    arguments = parser.parse_args()
    chosen = {name: check for name, check in CHECKS.items()
              if not arguments.words or any(word in name for word in arguments.words)}
    if arguments.list or not (chosen or arguments.install):
        print("\n".join(f"{name:26}{check.__doc__}" for name, check in CHECKS.items()))
        return 0 if arguments.list else "no check has such a name"
    # An interrupted run ends what it started, as any other.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    target = arguments.target.resolve()
    target.mkdir(parents=True, exist_ok=True)
    # Keycloak writes into its own folder when it starts: a second run waits for the end of the first.
    lock = open(target / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    if arguments.install:
        distribution.folder(target)
        return 0
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=target))
    keycloak, start = None, time.monotonic()
    try:
        keycloak = Keycloak(target, folder)
        keycloak.start()
        keycloak.wait()
        realm = make_realm(keycloak, "shared")
        print(f"Keycloak answers after {time.monotonic() - start:.0f} s; {len(chosen)} checks", flush=True)
        failed = run(chosen, realm, arguments.binary.resolve(), folder)
    finally:
        if keycloak is not None:
            keycloak.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"keycloak: {len(chosen) - len(failed)} passed, {len(failed)} failed in {time.monotonic() - start:.0f} s")
    return f"FAILED: {', '.join(failed)}" if failed else 0


def run(chosen, realm, binary, folder):
    """All of them, several at a time; answers the names of those that failed."""
    scenes = {name: Scene(realm, binary, folder, name.replace("_", "-")) for name in chosen}
    waiting, results = queue.SimpleQueue(), queue.SimpleQueue()
    for name in chosen:
        waiting.put(name)

    def work():
        while not waiting.empty():
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            start = time.monotonic()
            try:
                chosen[name](scenes[name])
                trouble = ""
            except Exception:  # whatever it is, the others go on
                trouble = traceback.format_exc() + scenes[name].logs()
            finally:
                scenes[name].close()
            results.put((name, time.monotonic() - start, trouble))

    # Daemons: an interrupted run does not wait for what they wait for.
    for _ in range(THREADS):
        threading.Thread(target=work, daemon=True).start()
    late, failed, deadline = set(chosen), [], time.monotonic() + CHECKS_SECS
    try:
        while late:
            try:
                name, secs, trouble = results.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                print(f"not done within {CHECKS_SECS} s: {', '.join(sorted(late))}")
                return failed + sorted(late)
            late.remove(name)
            print(f"{'FAIL' if trouble else 'ok':5}{secs:4.0f} s  {name}: {chosen[name].__doc__}", flush=True)
            if trouble:
                failed.append(name)
                print(trouble, flush=True)
    finally:
        for name in late:
            scenes[name].close()
    return failed


if __name__ == "__main__":
    sys.exit(main())
