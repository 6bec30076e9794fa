"""Ports that nobody listens at."""

import socket


def free_port():
    """Free a moment ago; whoever takes it meanwhile makes the start fail, loudly."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
