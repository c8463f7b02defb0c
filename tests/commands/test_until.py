"""Seeds until decided: which contrasts a command can decide, in which order, and when it ends."""

import dataclasses

import numpy as np
import pytest

from bnjax import records
from bnjax.commands import until
from bnjax.commands.until import until_decided
from bnjax.report.runs.recorded import load_runs
from bnjax.report.verdicts.questions import questions_of
from bnjax.report.verdicts.shelf import judge_all
from bnjax.settings.canonical import resolve
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import run_id
from bnjax.settings.options import Options
from bnjax.settings.places import record_path
from bnjax.stats import ANY_TIME, FOUR_LOOKS
from bnjax.studies import CLAIMS, recipe
from bnjax.studies.mnist import MNIST

EPOCHS = 25
MNIST_DATA = {"name": "mnist", "version": "3.0.1", "encoding": "png"}
METRICS = dict.fromkeys(("validation_loss", "validation_accuracy"))


def conditions(folder, sweep="bn-or-not", epochs=EPOCHS, **settings):
    base = dataclasses.replace(
        recipe("mnist", "published"), epochs=epochs, out_dir=str(folder), until="decided", **settings
    )
    return [resolve(dataclasses.replace(base, **condition)) for condition in MNIST.sweeps[sweep].values()]


def write(config, accuracy, perfect=0.75, status="done", epochs=None):
    """A run's records, with the same accuracy after every epoch."""
    path = record_path(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = dict(data=MNIST_DATA, sites={}, parameters=1, git_commit=None, study="mnist", started="now")
    facts |= dict(versions={"jax": "1", "flax": "2"}, device={"count": 1, "kind": "cpu"})
    lines = [records.make_record("run", run_id(config), config=dataclasses.asdict(config), **facts)]
    units = {"fc/dense1": {"silent": 0, "flat": 0, "units": 256, "active": 0.5}}
    told = dict(METRICS, status="ok", train_loss=0.1, train_accuracy=0.99, test_loss=0.1, dying=units)
    told |= dict(test_top5_accuracy=None, seconds=2.0, images_per_second=1.0, waiting=None)
    told["train_batch_accuracy"] = {"lowest": 0.9, "median": 1.0, "perfect": perfect}
    for number in range(1, (epochs or config.epochs) + 1):
        lines.append(
            records.make_record(
                "epoch", run_id(config), epoch=number, step=number, test_accuracy=accuracy, **told
            )
        )
    end = dict(epochs=config.epochs, steps=1, final={}, best={}, dying={}, state_sha256=None, seconds=1.0)
    lines.append(records.make_record("summary", run_id(config), status=status, **end))
    path.write_text("".join(map(records.json_line, lines)), encoding="utf-8")


class Maker:
    """Makes runs without training: accuracies are normal, with BN by so many points more."""

    def __init__(self, effect, status="done"):
        self.rounds, self.effect, self.status = [], effect, status
        self.random = np.random.default_rng(0)

    def __call__(self, configs):
        self.rounds.append([(config.placement, config.seed) for config in configs])
        for config in configs:
            with_bn = config.placement != "dr"
            accuracy = 0.98 + self.random.normal(0, 0.002) + with_bn * self.effect / 100
            perfect = float(np.clip(self.random.normal(0.95 - 0.1 * with_bn, 0.01), 0, 1))
            write(config, accuracy, perfect, self.status)
        return 0

    @property
    def seeds(self):
        return {seed for one in self.rounds for _, seed in one}


def test_questions_are_the_contrasts_whose_conditions_are_there(tmp_path):
    names = {question.claim.name for question in questions_of(conditions(tmp_path))}
    assert {"mnist-bn-less-accurate", "mnist-about-98", "mnist-training-errors-stay"} <= names
    assert "mnist-batch-size-10" not in names
    assert questions_of(conditions(tmp_path, epochs=24)) == []
    [controlled] = {
        question.recipe
        for question in questions_of(
            conditions(tmp_path, recipe="controlled", shuffle="epoch", input_scale="standardize")
        )
    }
    assert controlled == "controlled"


@pytest.fixture
def one_question(monkeypatch):
    [wanted] = [claim for claim in CLAIMS if claim.name == "mnist-bn-less-accurate"]
    monkeypatch.setattr("bnjax.report.verdicts.questions.CLAIMS", (wanted,))
    return wanted


def test_an_effect_is_decided_and_the_rounds_end(tmp_path, one_question, capsys):
    make = Maker(effect=-1.0)
    assert until_decided(conditions(tmp_path), Options(most_seeds=60), "mnist.py", make) == 0
    assert make.rounds[0] == [("dBr", 0), ("dr", 0)]
    assert 5 <= len(make.seeds) < 30
    assert len(make.rounds[1]) == 8  # nothing is decided below five seeds
    told = capsys.readouterr().err
    assert "mnist.py: 0 of 1 contrasts decided; open: mnist-bn-less-accurate (1 of 5 seeds)" in told
    assert told.splitlines()[-2:] == ["mnist.py: 1 of 1 contrasts decided", "mnist.py: all is decided"]
    [judged] = judge_all([one_question], load_runs(tmp_path))
    assert (judged["published"][0].verdict, judged["published"][0].interval) == ("supported", ANY_TIME)


def test_the_same_command_goes_on_where_it_was(tmp_path, one_question):
    first = Maker(effect=-0.25)
    until_decided(conditions(tmp_path), Options(most_seeds=4), "mnist.py", first)
    assert first.seeds == {0, 1, 2, 3}
    second = Maker(effect=-0.25)
    until_decided(conditions(tmp_path), Options(most_seeds=6), "mnist.py", second)
    assert [seed for _, seed in second.rounds[1]] == [4, 4]
    assert {seed for one in second.rounds[1:] for _, seed in one} == {4, 5}


def test_without_an_effect_the_budget_ends_it(tmp_path, one_question, capsys):
    make = Maker(effect=0.0)
    until_decided(conditions(tmp_path), Options(most_seeds=8), "mnist.py", make)
    assert make.seeds == set(range(8))
    assert "1 questions stay open with --most_seeds=8" in capsys.readouterr().err


def until_looks(folder):
    return [dataclasses.replace(config, until="looks") for config in conditions(folder)]


def test_looks_are_at_their_numbers_of_seeds(tmp_path, one_question, capsys):
    make = Maker(effect=0.0)
    until_decided(until_looks(tmp_path), Options(), "mnist.py", make)
    assert [len(one) for one in make.rounds] == [2, 8, 10, 20, 20]
    told = capsys.readouterr().err
    assert "the last look, at 30 seeds, does not decide" in told
    assert told.endswith("mnist.py: 1 questions stay open, and no look is left that may decide them\n")


def test_no_run_is_made_for_a_look_that_does_not_come(tmp_path, one_question):
    make = Maker(effect=0.0)
    until_decided(until_looks(tmp_path), Options(most_seeds=19), "mnist.py", make)
    assert make.seeds == set(range(10))


def test_an_effect_is_seen_at_an_early_look(tmp_path, one_question):
    make = Maker(effect=-1.0)
    until_decided(until_looks(tmp_path), Options(), "mnist.py", make)
    assert make.seeds == set(range(5))
    [judged] = judge_all([one_question], load_runs(tmp_path))
    assert (judged["published"][0].verdict, judged["published"][0].interval) == ("supported", FOUR_LOOKS)


def test_what_has_no_spread_is_not_waited_for(tmp_path, monkeypatch, capsys):
    """No look comes at the 59 runs that it would take."""
    [wanted] = [claim for claim in CLAIMS if claim.name == "mnist-updates-everywhere"]
    wanted = dataclasses.replace(wanted, contrasts=wanted.contrasts[1:])
    monkeypatch.setattr("bnjax.report.verdicts.questions.CLAIMS", (wanted,))
    make = Maker(effect=0.0)
    until_decided(until_looks(tmp_path), Options(), "mnist.py", make)
    assert make.seeds == set(range(5))
    assert "59 would decide" in capsys.readouterr().err


def test_hours_are_kept(tmp_path, one_question, capsys, monkeypatch):
    now = iter(range(0, 10**6, 3600))  # an hour at each look at the clock
    monkeypatch.setattr(until.time, "monotonic", lambda: next(now))
    make = Maker(effect=0.0)
    until_decided(conditions(tmp_path), Options(hours=1.5), "mnist.py", make)
    assert len(make.rounds) <= 2
    assert "the same command with more --hours goes on" in capsys.readouterr().err


def test_what_diverges_is_not_tried_for_ever(tmp_path, one_question, capsys):
    """All runs diverge: their accuracies are all 0, and runs that agree need 59 seeds."""
    make = Maker(effect=0.0, status="diverged")
    until_decided(conditions(tmp_path), Options(most_seeds=6), "mnist.py", make)
    assert make.seeds == set(range(6))
    assert "stay open" in capsys.readouterr().err


def test_runs_that_another_process_makes_end_it(tmp_path, one_question, capsys):
    rounds = []
    until_decided(conditions(tmp_path), Options(most_seeds=6), "mnist.py", lambda c: rounds.append(c) or 0)
    assert len(rounds) == 2
    assert "more seeds decide none of them" in capsys.readouterr().err


def test_the_cheapest_question_comes_first(tmp_path):
    """Batches of 10 take longer than those of 500; what is decided with the fewest runs is asked first."""
    make = Maker(effect=-1.0)
    configs = conditions(tmp_path, "batch-sizes")
    until_decided(configs, Options(most_seeds=2), "mnist.py", make)
    assert len(make.rounds[0]) == 5
    assert all(len(one) <= 2 for one in make.rounds[1:])
    assert make.seeds == {0, 1}


def test_conditions_that_no_claim_compares_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no claim about mnist compares these conditions at 3 epochs"):
        until_decided(conditions(tmp_path, epochs=3), Options(most_seeds=6), "mnist.py", Maker(0.0))
