"""What the checks need and this repository has not: LiveKit itself, and its client for Python. All of it lies below the target folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

VERSION_VARIABLE, BINARY_VARIABLE = "LIVEKIT_VERSION", "COLLOQUY_LIVEKIT"
# A release that answers about people who are not there with 503 after three seconds: what the server must cope with.
VERSION = "v1.8.4"
MODULE = "github.com/livekit/livekit-server/cmd/server"
GO_MINOR_MIN = 23
# Two idle cores take six minutes for the first build.
BUILD_SECS = 1800
INSTALL_SECS = 600
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def has_go():
    """Whether there is a Go that builds LiveKit."""
    if not shutil.which("go"):
        return False
    done = subprocess.run(["go", "version"], capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"\bgo1\.(\d+)", done.stdout)
    return bool(found) and int(found[1]) >= GO_MINOR_MIN


def livekit(target):
    """Path of LiveKit's server: that of COLLOQUY_LIVEKIT, else one that Go builds, once for each version."""
    given = os.environ.get(BINARY_VARIABLE)
    if given:
        path = Path(given).resolve()
        if not os.access(path, os.X_OK) or path.is_dir():
            sys.exit(f"{BINARY_VARIABLE}={given} is no program")
        return path
    version = os.environ.get(VERSION_VARIABLE) or VERSION
    path = target / f"livekit-server-{version}"
    if path.is_file():
        return path
    if not has_go():
        sys.exit(f"LiveKit needs Go 1.{GO_MINOR_MIN} or newer to be built; or name a binary: {BINARY_VARIABLE}=path")
    print(f"building LiveKit {version} with Go; that takes some minutes, once", flush=True)
    built = target / "built"
    # A folder without a module: Go would read the nearest one. Its caches are its own, where every build has them.
    done = subprocess.run(
        ["go", "install", f"{MODULE}@{version}"], cwd=target, env=dict(os.environ, GOBIN=str(built)), timeout=BUILD_SECS,
        capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Go could not build LiveKit (a binary: {BINARY_VARIABLE}=path):\n{done.stderr[-3000:]}")
    # Renamed when it is whole: an interrupted build leaves nothing that looks finished.
    (built / "server").rename(path)
    built.rmdir()
    return path


def python(target, requirements=REQUIREMENTS):
    """A Python with the packages of a requirements.txt."""
    folder = target / "python"
    program, mark = folder / "bin/python", folder / "installed"
    if mark.is_file() and mark.read_text() == requirements.read_text():
        return program
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", folder], "Python's venv is missing (Debian: python3-venv)")
    _run([program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements],
         "the Python packages of the checks could not be installed")
    # The mark comes last: without it the next run begins anew.
    mark.write_text(requirements.read_text())
    return program


def _run(command, trouble):
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECS, check=False)
    if done.returncode:
        sys.exit(f"{trouble}:\n{(done.stdout + done.stderr)[-3000:]}")
