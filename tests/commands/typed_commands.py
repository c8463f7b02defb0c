"""Command lines as if they were typed."""

import pytest

from bnjax.commands.parsing.flags import command_from_flags

PROGRAM = "somewhere/cifar10.py"


def command_of(*arguments, experiment="cifar10"):
    return command_from_flags([PROGRAM, *arguments], experiment)


def config_of(*arguments):
    [config] = command_of(*arguments).configs
    return config


def complaint_of(capsys, *arguments):
    """The one line on stderr of a wrong command line."""
    with pytest.raises(SystemExit) as caught:
        config_of(*arguments)
    out, err = capsys.readouterr()
    assert caught.value.code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("cifar10.py: ")
    assert "--help" in err
    return err
