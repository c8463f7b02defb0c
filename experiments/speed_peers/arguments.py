"""Types of arguments that the speed scripts share, for :mod:`argparse`."""

import argparse
from collections.abc import Sequence


def listed(choices: Sequence[str], text: str) -> tuple[str, ...]:
    """Words with commas between them, all among the choices."""
    words = tuple(text.split(","))
    for word in words:
        if word not in choices:
            raise argparse.ArgumentTypeError(f"{word!r} is not one of {', '.join(choices)}")
    return words


def count(text: str) -> int:
    """A number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def counts(text: str) -> tuple[int, ...]:
    """Numbers from 1 with commas between them."""
    return tuple(count(word) for word in text.split(","))
