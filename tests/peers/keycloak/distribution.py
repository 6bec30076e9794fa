"""Where Keycloak comes from: Maven Central, by the machine's Maven and whatever mirror that is configured for."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

VERSION = "26.5.6"
SHA256 = "490189d9dff05272432d51f71a069462eeca97f2920a694d539a1e6c26a5a347"
FOLDER_VARIABLE = "COLLOQUY_KEYCLOAK"
DOWNLOAD_SECS = 300


def folder(target):
    """An unpacked Keycloak: that of COLLOQUY_KEYCLOAK, else the pinned one below `target`, downloaded once."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        assert (Path(given) / "bin/kc.sh").is_file(), f"{FOLDER_VARIABLE}={given} holds no bin/kc.sh"
        return Path(given).resolve()
    unpacked = target / f"keycloak-{VERSION}"
    if not unpacked.is_dir():
        _unpack(_download(target), target)
    return unpacked


def _download(target):
    """Into a Maven repository below `target`, so that nothing is left anywhere else."""
    repository = target / "maven"
    command = [
        "mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={repository}",
        "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy",
        f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip", f"-DoutputDirectory={target}",
    ]
    print(f"downloading Keycloak {VERSION} by Maven", flush=True)
    # A folder without a project: Maven would read the nearest one.
    done = subprocess.run(command, cwd=target, timeout=DOWNLOAD_SECS, capture_output=True, text=True, check=False)
    shutil.rmtree(repository, ignore_errors=True)
    reason = (done.stdout + done.stderr)[-3000:]
    assert done.returncode == 0, f"Maven could not get it (an unpacked one: {FOLDER_VARIABLE}=folder):\n{reason}"
    return target / f"keycloak-quarkus-dist-{VERSION}.zip"


def _unpack(archive, target):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert digest == SHA256, f"{archive} is not the Keycloak that was tried: SHA-256 {digest}"
    fresh = target / "unpacked"
    shutil.rmtree(fresh, ignore_errors=True)
    with zipfile.ZipFile(archive) as files:
        files.extractall(fresh)
    unpacked = fresh / f"keycloak-{VERSION}"
    (unpacked / "bin/kc.sh").chmod(0o755)
    # Renamed when it is whole: an interrupted run leaves nothing that looks finished.
    unpacked.rename(target / unpacked.name)
    fresh.rmdir()
    archive.unlink()
