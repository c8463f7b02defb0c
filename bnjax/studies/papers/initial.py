"""What recipes of papers share that speak of networks as they are initialised."""

from collections.abc import Mapping
from typing import Any

from bnjax.studies.claim import Data

#: An epoch at rate 0 leaves every weight as it was drawn, and probes look at the network behind it. Running
#: statistics are those of the last batch, so that evaluation, too, normalises by statistics of these weights.
AT_FIRST: Mapping[str, Any] = {"epochs": 1, "learning_rate": 0.0, "norm_momentum": 0.0}
#: What is said of initial networks is said of any images; fewer than these make no batch.
ANY_IMAGES = Data("networks at initialisation, any images", ("mnist", "cifar10", "digits"), part=32)
