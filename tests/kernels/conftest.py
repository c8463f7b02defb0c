"""Kernels are tested where they can be made."""

import pytest

from bnjax.kernels import choice


def pytest_runtest_setup():
    reason = choice.obstacle()
    if reason:
        pytest.skip(f"no kernels here: {reason}")
