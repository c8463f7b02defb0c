"""Rules about single units: those that are never active, and those that do not learn."""

import itertools

from bnjax.diagnosis.rule import History, Rule, listed
from bnjax.settings.config import Config

#: Epochs in a row that make a finding: many units are silent at the start, and wake up.
_STAYS = 3


def _with_as_many(history: History, site: str, count: str) -> list[int]:
    """The epochs in a row, from the last look back, with as many such units as then or more."""
    looks = [(epoch["epoch"], epoch["dying"][site][count]) for epoch in history.sound if epoch["dying"]]
    _, now = looks[-1]
    return [epoch for epoch, _ in itertools.takewhile(lambda known: (known[1] or 0) >= now, reversed(looks))]


def _counted(history: History, count: str, threshold: float) -> list[str]:
    """Sites that learn, with the number of such units: ``12 of 64 of block2/conv1 since epoch 3``."""
    many = [
        (site, of)
        for site, of in (history.last("dying") or {}).items()
        if of["flat"] is not None and of[count] >= threshold * of["units"]
    ]
    epochs = {site: _with_as_many(history, site, count) for site, _ in many}
    return [
        f"{of[count]} of {of['units']} of {site} since epoch {epochs[site][-1]}"
        for site, of in many
        if len(epochs[site]) >= _STAYS
    ]


def _silent(history: History, threshold: float) -> list[str]:
    told = _counted(history, "silent", threshold)
    if not told:
        return []
    return [f"units that no test image activates: {listed(told)}; {_alive(history.config)}"]


def _alive(config: Config) -> str:
    """What keeps units alive and is not done yet."""
    ways = ["a smaller --learning_rate"]
    if not config.parsed_placement().present_norms:
        ways.append("--placement=all")
    if config.activation == "relu":
        ways.append("--activation=leaky_relu")
    return f"{' or '.join(ways)} keeps units alive"


SILENT = Rule(
    name="silent",
    needs="dying",
    threshold=0.1,
    means="silent units of a site, as a part of its units",
    source="Lu et al. 2019",
    find=_silent,
)


def _flat(history: History, threshold: float) -> list[str]:
    if not history.config.learning_rate:
        return []  # none was meant to move
    told = _counted(history, "flat", threshold)
    return [f"units whose weights no longer move: {listed(told)}"] if told else []


FLAT = Rule(
    name="flat",
    needs="dying",
    threshold=0.1,
    means="flat units of a site, as a part of its units",
    source="the dying-ReLU series (Qiita, 2017-05)",
    find=_flat,
)
