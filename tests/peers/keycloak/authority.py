"""A private authority for certificates, and a certificate of it for 127.0.0.1, made by the keytool that comes with Java."""

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEYTOOL_SECS = 60


@dataclass
class Identity:
    store: Path  # PKCS 12, with the key and its chain
    password: str
    authority: Path  # PEM, what clients must trust


def make(folder):
    """Made anew for each run, in a folder that goes with it."""
    java_home = os.environ.get("JAVA_HOME")
    keytool = Path(java_home) / "bin/keytool" if java_home else shutil.which("keytool")
    password = secrets.token_urlsafe(16)
    identity = Identity(folder / "server.p12", password, folder / "authority.pem")

    def run(store, *arguments, given=None):
        command = [keytool, *arguments, "-keystore", folder / f"{store}.p12", "-storetype", "PKCS12", "-storepass:env", "STORE"]
        done = subprocess.run(
            command, input=given, capture_output=True, timeout=KEYTOOL_SECS, check=False, env=dict(os.environ, STORE=password))
        assert done.returncode == 0, f"keytool {arguments[0]}: {(done.stdout + done.stderr).decode()}"
        return done.stdout

    key = ("-keyalg", "EC", "-groupname", "secp256r1", "-validity", "2")
    run("ca", "-genkeypair", "-alias", "ca", "-dname", "CN=Example authority", "-ext", "bc:critical=ca:true", *key)
    run("server", "-genkeypair", "-alias", "server", "-dname", "CN=Example provider", *key)
    request = run("server", "-certreq", "-alias", "server")
    certificate = run("ca", "-gencert", "-rfc", "-alias", "ca", "-ext", "san=ip:127.0.0.1", "-validity", "2", given=request)
    authority = run("ca", "-exportcert", "-rfc", "-alias", "ca")
    run("server", "-importcert", "-noprompt", "-alias", "ca", given=authority)
    run("server", "-importcert", "-noprompt", "-alias", "server", given=certificate)
    identity.authority.write_bytes(authority)
    return identity
