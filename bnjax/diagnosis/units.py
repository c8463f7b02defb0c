"""Rules about single units: those that are never active, and those that do not learn."""

import itertools

from bnjax.diagnosis.rule import History, Rule, listed


def _since(history: History, site: str, count: str) -> int:
    """The first epoch of those in a row, up to the last one, with as many such units or more."""
    now = history.sound[-1]["dying"][site][count]
    epochs = reversed([(epoch["epoch"], epoch["dying"].get(site, {}).get(count)) for epoch in history.sound])
    return [*itertools.takewhile(lambda known: (known[1] or 0) >= now, epochs)][-1][0]


def _counted(history: History, count: str, threshold: float) -> list[str]:
    """Sites that learn with so many such units: ``12 of 64 of block2/conv1 since epoch 3``."""
    return [
        f"{of[count]} of {of['units']} of {site} since epoch {_since(history, site, count)}"
        for site, of in (history.last("dying") or {}).items()
        if of["flat"] is not None and of[count] >= threshold * of["units"]
    ]


def _silent(history: History, threshold: float) -> list[str]:
    told = _counted(history, "silent", threshold)
    if not told:
        return []
    normed = history.config.parsed_placement().present_norms
    norm = "" if normed else "--placement=all, "
    advice = f"a smaller --learning_rate, {norm}or --activation=leaky_relu, keeps units alive"
    return [f"units that no test image activates: {listed(told)}; {advice}"]


SILENT = Rule(
    name="silent",
    needs="dying",
    threshold=0.1,
    means="silent units of a site, as a part of its units",
    source="Lu et al. 2019",
    find=_silent,
)


def _flat(history: History, threshold: float) -> list[str]:
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
