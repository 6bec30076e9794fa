"""Several checks at a time, each in a process of its own: what hangs or crashes in a media client takes nobody along."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

# Checks wait more than they compute, but they measure how soon something happens.
AT_ONCE = 5
POLL_SECS = 0.1
MAIN = Path(__file__).parent
CLIENT_SAYS = re.compile(r"livekit(_\w+)?(::\w+)*:\d+:|\[\S+ (ERROR|WARN|INFO) ")


class Playing:
    def __init__(self, name, check, command, folder):
        self.name, self.check, self.begin = name, check, time.monotonic()
        self.output = folder / "output"
        folder.mkdir()
        with open(self.output, "wb") as output:
            # A group of its own: all that it starts can be ended together.
            self.process = subprocess.Popen(
                [*command, "--alone", folder, name], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True)

    def is_over(self):
        """Whether it has ended, by itself or because its time was up."""
        if self.process.poll() is None and time.monotonic() - self.begin < self.check.secs:
            return False
        self.late = self.process.poll() is None
        self.end()
        return True

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def tell(self):
        """Prints what it printed; answers whether it passed."""
        passed = self.process.returncode == 0 and not self.late
        print(f"{'ok' if passed else 'FAIL':5}{time.monotonic() - self.begin:4.0f} s  {self.name}: {self.check.says}")
        if self.late:
            print(f"     not done within {self.check.secs} s")
        # LiveKit's client has much to say, also when all is well.
        lines = [line for line in self.output.read_text(errors="replace").splitlines() if not CLIENT_SAYS.match(line)]
        print("".join(f"       {line}\n" for line in lines), end="", flush=True)
        return passed


def run(chosen, binary, livekit, folder, target):
    """All of them; answers the exit status, or the names of those that failed."""
    # An interrupted run ends what it started, as any other.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    command = [sys.executable, "-B", MAIN, "--target", target, "--binary", binary, "--livekit", livekit]
    # The longest begin first.
    waiting = sorted(chosen, key=lambda name: -chosen[name].secs)
    playing, failed, begin = [], [], time.monotonic()
    try:
        while waiting or playing:
            while waiting and len(playing) < AT_ONCE:
                name = waiting.pop(0)
                playing.append(Playing(name, chosen[name], command, folder / name))
            for one in [one for one in playing if one.is_over()]:
                playing.remove(one)
                if not one.tell():
                    failed.append(one.name)
            time.sleep(POLL_SECS)
    finally:
        for one in playing:
            one.end()
    print(f"livekit: {len(chosen) - len(failed)} passed, {len(failed)} failed in {time.monotonic() - begin:.0f} s")
    return f"FAILED: {', '.join(failed)}" if failed else 0
