"""``help(bnjax.CNN)`` tells of every argument: what it is, and its default."""

import dataclasses
import inspect
import re

import pytest

from bnjax import models
from bnjax.models import CNN, MLP, Network, ResNet

NETWORKS = [one for one in vars(models).values() if isinstance(one, type) and issubclass(one, Network)]
#: Shown nowhere as a default: too long for a line.
WITHOUT_DEFAULT = {"freezing", "parent", "name"}


def told(network):
    """Name of an argument -> what the docstring says of it."""
    attributes = inspect.getdoc(network).partition("\nAttributes:\n")[2]
    entries = re.findall(r"(?ms)^  (\w+(?:, \w+)*): (.*?)(?=^  \w|\Z)", attributes)
    return {name: text for names, text in entries for name in names.split(", ")}


def test_every_network_is_looked_at():
    assert {one.__name__ for one in NETWORKS} >= {"Network", "CNN", "MLP", "VGG7", "ResNet"}


@pytest.mark.parametrize("network", NETWORKS, ids=lambda one: one.__name__)
def test_a_docstring_tells_of_every_argument(network):
    entries, fields = told(network), {field.name: field for field in dataclasses.fields(network)}
    assert entries.keys() == fields.keys()
    for name, text in entries.items():
        assert len(text.split()) > 2, name
        if network is not Network and name not in WITHOUT_DEFAULT:
            default = fields[name].default
            shown = getattr(default, "__name__", "") or repr(default)
            assert shown in text.partition("Default: ")[2]


def test_defaults_are_the_networks_own():
    assert told(CNN)["order"].strip().endswith("Default: 'after'.")
    assert told(MLP)["order"].strip().endswith("Default: 'before'.")
    assert told(CNN)["renorm_d"].strip().endswith("Default: 3.0, 5.0.")
    assert list(told(ResNet))[:2] == ["depth", "shortcut"]


def test_what_a_network_is_stands_first():
    assert CNN.__doc__.startswith("conv 5x5x32 - pool")
    assert CNN.__doc__.count("Attributes:") == 1


def test_somebodys_network_may_say_less_or_in_another_form():
    class Bare(Network):
        pass

    class Other(Network):
        """Mine.

        Attributes:
            odd - an argument
        """

        odd: int = 3

    assert told(Bare).keys() >= {"num_classes", "placement"}
    assert Other.__doc__.split()[:6] == ["Mine.", "odd", "-", "an", "argument", "Attributes:"]
