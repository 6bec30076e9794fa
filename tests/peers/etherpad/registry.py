"""The checks by name. A check is a coroutine function of a scene; its docstring is its line in the output."""

CHECKS = {}


def check(function):
    assert function.__doc__ and function.__name__ not in CHECKS, function.__name__
    CHECKS[function.__name__] = function
    return function
