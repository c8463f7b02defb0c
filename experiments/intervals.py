"""How often intervals mislead, and how soon they decide: simulated seeds with a known truth.

python experiments/intervals.py                      a Markdown table on stdout, within two minutes
python experiments/intervals.py --repetitions=500    rougher and quicker

Values have a deviation of 1. "Skewed, a level" is a lognormal about its mean, as a reading of one condition
may be; "difference of skewed" is of two such conditions that do not differ, whose differences are symmetric.
"Near 100%" is an accuracy whose logit is normal; "as logits" is the same on that scale.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bnjax.commands.parsing.usage import Parser
from bnjax.process.stdout import write_stdout
from bnjax.stats import ANY_TIME, FOUR_LOOKS, STUDENT, Interval

if TYPE_CHECKING:
    import numpy as np

_FEWEST = 3
_CONFIDENCE = 0.95
_EFFECTS = (0.5, 1.0, 2.0)


class Rule(NamedTuple):
    """When one looks, and with which interval."""

    name: str
    looks: Sequence[int]
    interval: Interval


RULES = (
    Rule("t, 5 seeds fixed", (5,), STUDENT),
    Rule("t, 10 seeds fixed", (10,), STUDENT),
    Rule("t, 30 seeds fixed", (30,), STUDENT),
    Rule("t, a look after each of 3 to 30", range(_FEWEST, 31), STUDENT),
    Rule("t, looks at 5, 10, 20, 30 at 0.0155", FOUR_LOOKS.looks, FOUR_LOOKS),
    Rule("any time, each of 3 to 30", range(_FEWEST, 31), ANY_TIME),
    Rule("any time, each of 3 to 300", range(_FEWEST, 301), ANY_TIME),
)

#: Draws an array [repetitions, seeds] of values whose true mean is 0.
Draw = Callable[["np.random.Generator", tuple[int, int]], "np.ndarray"]


def _nulls() -> dict[str, Draw]:
    import numpy as np

    def skewed(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return (random.lognormal(size=shape) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)

    logits, deviation = 4.0, 1.0
    accuracies = 1 / (1 + np.exp(-np.random.default_rng(0).normal(logits, deviation, 10**6)))

    def near_100(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        values = 1 / (1 + np.exp(-random.normal(logits, deviation, shape)))
        return (values - accuracies.mean()) / accuracies.std()

    return {
        "normal": lambda random, shape: random.normal(size=shape),
        "heavy tails (t, 3 degrees)": lambda random, shape: random.standard_t(3, shape) / np.sqrt(3),
        "difference of skewed": lambda random, shape: (
            (skewed(random, shape) - skewed(random, shape)) / np.sqrt(2)
        ),
        "skewed, a level": skewed,
        "near 100%": near_100,
        "near 100%, as logits": lambda random, shape: random.normal(size=shape),
    }


def decided(values: "np.ndarray", rule: Rule) -> "np.ndarray":
    """The first number of seeds at which the interval leaves out 0, for each row; 0: at none.

    Args:
      values: [repetitions, seeds].
      rule: when one looks.
    """
    import numpy as np

    first = np.zeros(len(values), int)
    for n in rule.looks:
        half = rule.interval.half_width(n, _CONFIDENCE)
        seen = values[:, :n]
        away = abs(seen.mean(axis=1)) > half * seen.std(axis=1, ddof=1)
        first[(first == 0) & away] = n
    return first


def table(repetitions: int) -> Iterator[str]:
    """Lines of Markdown: false verdicts for each null; verdicts and seeds until then for each effect."""
    import numpy as np

    nulls = _nulls()
    effects = [f"effect {effect:g}: decided, seeds" for effect in _EFFECTS]
    yield f"| rule | {' | '.join(f'false, {name}' for name in nulls)} | {' | '.join(effects)} |"
    yield f"|{' --- |' * (1 + len(nulls) + len(effects))}"
    for rule in RULES:
        random = np.random.default_rng(0)
        shape = (repetitions, rule.looks[-1])
        cells = [f"{100 * np.mean(decided(draw(random, shape), rule) > 0):.1f}%" for draw in nulls.values()]
        for effect in _EFFECTS:
            first = decided(random.normal(effect, 1.0, shape), rule)
            share = f"{100 * np.mean(first > 0):.0f}%"
            cells.append(f"{share}, {np.median(first[first > 0]):.0f}" if first.any() else share)
        yield f"| {rule.name} | {' | '.join(cells)} |"


def _repetitions(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of repetitions, 1 or more")
    return int(text)


def main(argv: Sequence[str]) -> int:
    parser = Parser(argv[0], __doc__ or "")
    parser.add_argument("--repetitions", type=_repetitions, default=4000, metavar="N", help="(default: 4000)")
    arguments = parser.parse_args(argv[1:])
    for line in table(arguments.repetitions):
        write_stdout(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
