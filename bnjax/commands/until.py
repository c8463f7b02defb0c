"""Seeds until decided: rounds of runs until every contrast of a study is decided or a budget ends."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bnjax.process.bar import say
from bnjax.report.runs.recorded import RecordedRun, load_sound_runs
from bnjax.report.runs.selected import interval_of
from bnjax.report.verdicts.decision import VERDICTS, Decision
from bnjax.report.verdicts.questions import Question, decisions, questions_of
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import run_id
from bnjax.settings.options import Options
from bnjax.settings.places import expanded

#: Makes the runs of a round; the exit code.
Make = Callable[[Sequence[Config]], int]
_DECIDED = VERDICTS[:2]
#: Open questions that the line about progress names.
_NAMED = 3


class _Step(NamedTuple):
    """The next seeds of a question's conditions."""

    question: Question
    configs: list[Config]


def until_decided(configs: Sequence[Config], options: Options, program: str, make: Make) -> int:
    """Makes rounds of runs until nothing is open that seeds decide, the hours are over or no seed is left.

    Args:
      configs: the first round: every condition with the first seeds.
      options: with ``hours`` or ``most_seeds``.
      program: what lines on stderr start with.
      make: makes runs; those that have ended before are not made again.

    Returns:
      The worst exit code of the rounds.

    Raises:
      ConfigError: no claim can be decided by these conditions and epochs.
    """
    rounds = _Rounds(configs, options)
    code = make(configs)
    while True:
        standing = rounds.look()
        say(f"{program}: {standing_in_words(standing)}")
        step = rounds.next(standing)
        if not step:
            break
        code = max(code, rounds.timed(make, step))
    say(f"{program}: {rounds.ended(standing)}")
    return code


class _Rounds:
    """What has been made so far, and what comes next."""

    def __init__(self, configs: Sequence[Config], options: Options) -> None:
        self._first = min(config.seed for config in configs)
        conditions = [config for config in configs if config.seed == self._first]
        self._questions = questions_of(conditions)
        if not self._questions:
            raise ConfigError(
                f"--until={configs[0].until}: no claim about {configs[0].study or configs[0].model} compares "
                f"these conditions at {configs[0].epochs} epochs; the report's list of claims says what they "
                "take"
            )
        self._interval = interval_of(configs)
        self._conditions = {run_id(config): config for config in conditions}
        self._most = options.most_seeds or math.inf
        self._deadline = time.monotonic() + 3600 * options.hours if options.hours else math.inf
        self._runs: list[RecordedRun] = []
        self._pace: float | None = None
        self._stuck: set[Question] = set()

    def look(self) -> dict[Question, Decision]:
        """What the runs that there are decide."""
        folders = {expanded(config.out_dir) for config in self._conditions.values()}
        runs = [run for folder in sorted(folders) if folder.is_dir() for run in load_sound_runs(folder)[0]]
        self._runs = [run for run in runs if self._condition(run)]
        return decisions(self._questions, self._runs, self._interval)

    def _condition(self, run: RecordedRun) -> Config | None:
        config = run.config
        if config.seed < self._first:
            return None
        return self._conditions.get(run_id(dataclasses.replace(config, seed=self._first)))

    def next(self, standing: dict[Question, Decision]) -> _Step | None:
        """The cheapest open question's next seeds; None where nothing is to be made."""
        made = self._made()
        steps = [step for question, one in standing.items() if (step := self._step(question, one, made))]
        within = [step for step in steps if self._fits(step)]
        return min(within, key=lambda step: self._cost(step.question, standing, made), default=None)

    def _made(self) -> dict[Config, set[int]]:
        """Condition -> the seeds of its runs that have ended, well or not."""
        made: dict[Config, set[int]] = {config: set() for config in self._conditions.values()}
        for run in self._runs:
            condition = self._condition(run)
            if condition and run.summary and run.summary["status"] != "interrupted":
                made[condition].add(run.config.seed)
        return made

    def _count(self, question: Question, made: dict[Config, set[int]]) -> int:
        """How many seeds every condition of a question has, from the first one on."""
        seeds = set.intersection(*(made[config] for config in question.configs))
        return next(count for count in range(len(seeds) + 1) if self._first + count not in seeds)

    def _step(self, question: Question, one: Decision, made: dict[Config, set[int]]) -> _Step | None:
        if one.verdict in (*_DECIDED, "cannot tell") or question in self._stuck:
            return None
        count = self._count(question, made)
        needed = one.seeds or (0 if one.ours else question.claim.least_seeds)
        if needed <= count:
            return None
        seeds = range(self._first, self._first + self._next_count(count, needed, question.claim.least_seeds))
        todo = [
            dataclasses.replace(config, seed=seed)
            for seed in seeds
            for config in question.configs
            if seed not in made[config]
        ]
        return _Step(question, todo) if todo else None

    def _next_count(self, count: int, needed: int, least: int) -> int:
        """Up to the fewest that decide; then half of those that are missing, and no more than there are.

        Where the interval has looks: up to the next of them, if there is one and the last can decide; else 0.
        """
        if looks := self._interval.looks:
            following = next((n for n in looks if n > count), 0)
            return following if following <= self._most and needed <= looks[-1] else 0
        more = least - count if count < least else min(math.ceil((needed - count) / 2), count)
        return int(min(count + more, self._most))

    def _cost(
        self, question: Question, standing: dict[Question, Decision], made: dict[Config, set[int]]
    ) -> float:
        """Runs that it still takes, by the seconds of those that there are."""
        missing = max(1, (standing[question].seeds or 0) - self._count(question, made))
        return missing * sum(map(self._seconds, question.configs))

    def _seconds(self, condition: Config) -> float:
        lengths = [
            sum(epoch["seconds"] or 0.0 for epoch in run.epochs)
            for run in self._runs
            if self._condition(run) == condition
        ]
        return sum(lengths) / len(lengths) if lengths else 1.0

    def _fits(self, step: _Step) -> bool:
        pace = self._pace or max(self._seconds(config) for config in step.question.configs)
        return time.monotonic() + pace * len(step.configs) <= self._deadline

    def timed(self, make: Make, step: _Step) -> int:
        """Makes a step's runs; one after which its question has no more seeds is not tried again."""
        before = self._count(step.question, self._made())
        started = time.monotonic()
        code = make(step.configs)
        self._pace = (time.monotonic() - started) / len(step.configs)
        self.look()
        if self._count(step.question, self._made()) <= before:
            self._stuck.add(step.question)
        return code

    def ended(self, standing: dict[Question, Decision]) -> str:
        """Why there are no more rounds."""
        open_ones = [question for question, one in standing.items() if one.verdict not in _DECIDED]
        if not open_ones:
            return "all is decided"
        made = self._made()
        if any(self._step(question, standing[question], made) for question in open_ones):
            return f"no time left for {len(open_ones)} questions; the same command with more --hours goes on"
        if self._interval.looks and self._most >= self._interval.looks[-1]:
            return f"{len(open_ones)} questions stay open, and no look is left that may decide them"
        if any((standing[question].seeds or 0) > self._most for question in open_ones):
            return f"{len(open_ones)} questions stay open with --most_seeds={self._most}"
        return f"{len(open_ones)} questions stay open, and more seeds decide none of them"


def standing_in_words(standing: dict[Question, Decision]) -> str:
    """How many are decided, and the open ones that take the fewest seeds."""
    open_ones = [(question, one) for question, one in standing.items() if one.verdict not in _DECIDED]
    decided = f"{len(standing) - len(open_ones)} of {len(standing)} contrasts decided"
    open_ones.sort(key=lambda item: item[1].seeds or math.inf)
    names = [f"{question} ({one.why or one.verdict})" for question, one in open_ones[:_NAMED]]
    more = [f"and {len(open_ones) - _NAMED} more"] if len(open_ones) > _NAMED else []
    return "; open: ".join(filter(None, [decided, ", ".join([*names, *more])]))
