"""What the checks need and this repository has not: Etherpad with its packages, and a WebSocket. All of it lies below the target folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "1.8.14"
# Some five hundred packages.
INSTALL_SECS = 1800
HERE = Path(__file__).parent
REQUIREMENTS, PLUGINS = HERE / "requirements.txt", HERE / "plugins"


def etherpad(target):
    """Folder of an Etherpad that can be run: its own files in `src`, its packages and the plugins of the tests beside that."""
    folder = target / f"etherpad-{VERSION}"
    if not folder.is_dir():
        print(f"installing Etherpad {VERSION} with npm; that takes some minutes, once", flush=True)
        new = target / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", new,
              f"ep_etherpad-lite@{VERSION}"], "npm could not install Etherpad")
        packages = new / "node_modules"
        (packages / "ep_etherpad-lite").rename(new / "src")
        # Etherpad asks its own npm what is installed; a list of wishes beside it would make that fail.
        for name in ("package.json", "package-lock.json", "node_modules/.package-lock.json"):
            (new / name).unlink(missing_ok=True)
        (packages / "ep_etherpad-lite").symlink_to("../src")
        # Renamed when it is whole: an interrupted installation leaves nothing that looks finished.
        new.rename(folder)
    for plugin in PLUGINS.iterdir():
        place = folder / "node_modules" / plugin.name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(plugin, place)
    return folder


def python(target):
    """A Python with the packages of requirements.txt."""
    folder = target / "python"
    program, mark = folder / "bin/python", folder / "installed"
    if mark.is_file() and mark.read_text() == REQUIREMENTS.read_text():
        return program
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", folder], "Python's venv is missing (Debian: python3-venv)")
    _run([program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS],
         "the Python packages of the checks against Etherpad could not be installed")
    # The mark comes last: without it the next run begins anew.
    mark.write_text(REQUIREMENTS.read_text())
    return program


def _run(command, trouble):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=INSTALL_SECS, check=False, env=dict(os.environ))
    if done.returncode:
        sys.exit(f"{trouble}:\n{(done.stdout + done.stderr)[-3000:]}")
