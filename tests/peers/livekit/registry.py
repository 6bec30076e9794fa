"""The checks by name. A check is a coroutine function of a scene; its docstring is its line in the output."""

from dataclasses import dataclass
from typing import Callable

# What a check may take unless it says otherwise: a guard against hanging.
SECS = 90


@dataclass
class Check:
    play: Callable
    secs: int

    @property
    def says(self):
        return self.play.__doc__


CHECKS = {}


def check(secs=SECS):
    """`secs`: when the check is given up, whatever it waits for."""
    def keep(function):
        assert function.__doc__ and function.__name__ not in CHECKS, function.__name__
        CHECKS[function.__name__] = Check(function, secs)
        return function
    return keep
