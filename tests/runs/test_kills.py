"""Runs that are killed end as if they had not been, and the script that kills them counts rightly."""

import json
import random
import shutil
import time

import pytest
import soak
from test_records import record

from bnjax import records

pytestmark = pytest.mark.slow


def behind(epochs, out_dir, chance):
    """Waits until some run there has recorded so many epochs, and a part of another."""

    def wait(process):
        while process.poll() is None:
            texts = [path.read_text("utf-8") for path in out_dir.glob(f"*/{records.FILE_NAME}")]
            if texts and max(text.count('"kind": "epoch"') for text in texts) >= epochs:
                time.sleep(0.05 * chance.random())
                return process.poll()
            time.sleep(0.005)
        return process.returncode

    return wait


@pytest.mark.parametrize("name", ["alone", "lanes", "streamed"])
def test_runs_that_are_killed_end_as_if_they_had_not_been(name, tmp_path):
    """With no checkpoint, and with some; ``experiments/soak.py`` does it at any moment, as often as asked."""
    photographs, whole, cut = (tmp_path / part for part in ("photographs", "whole", "cut"))
    soak.make_photographs(photographs)
    case = soak.cases(photographs)[name]
    case, chance = case._replace(epochs=case.epochs // 12), random.Random(1)
    assert soak.attempt(case, whole, 0, soak.to_the_end, 0) == 0
    for epochs in (0, 3):
        while soak.attempt(case, cut, 0, behind(epochs, cut, chance), 1) is not None:
            shutil.rmtree(cut)  # it was faster than this process
    assert any(cut.glob("*/checkpoint-*.npz"))
    assert soak.attempt(case, cut, 0, soak.to_the_end, 1) == 0
    assert soak._differences(soak.essence(whole), soak.essence(cut)) == []


def test_the_script_kills_until_it_has_killed_enough(tmp_path, monkeypatch):
    """An attempt that is faster than its killer counts for nothing, and the next begins anew."""
    ends, told = [0, None, 0, None, 0], []

    def attempt(_, out_dir, seed, wait, __):
        told.append((out_dir.name, wait is soak.to_the_end, out_dir.exists()))
        code = ends.pop(0)
        (out_dir / "a").mkdir(parents=True, exist_ok=True)
        (out_dir / "a" / records.FILE_NAME).write_text(
            "" if code is None else json.dumps(record("epoch")) + "\n"
        )
        return code

    monkeypatch.setattr(soak, "attempt", attempt)
    outcome = soak.soak(soak.Case({}, 1), tmp_path, 2, 0, random.Random(1))
    assert outcome == soak.Outcome(kills=2, before_first_checkpoint=2, inside_a_write=0, differences=[])
    kinds = [("whole", True, False), ("cut", False, False), ("cut", False, True), ("cut", False, False)]
    assert told == [*kinds, ("cut", True, True)]


def test_the_comparison_of_killed_runs_sees_a_difference(tmp_path):
    """Of a metric, of an epoch that is there twice, and of what is left over."""
    epochs = {"whole": [0.5], "same": [0.5], "other": [0.25], "twice": [0.5, 0.5]}
    for name, losses in epochs.items():
        (tmp_path / name / "a").mkdir(parents=True)
        for loss in losses:
            path = tmp_path / name / "a" / records.FILE_NAME
            records.append(path, record("epoch", test_loss=loss, seconds=random.random()))
    found = {name: soak.essence(tmp_path / name) for name in epochs}
    assert soak._differences(found["whole"], found["same"]) == []
    assert soak._differences(found["whole"], found["other"]) == ["a: epochs"]
    assert soak._differences(found["whole"], found["twice"]) == ["a: epochs"]
    (tmp_path / "same" / "a" / "checkpoint-000000000001.npz").touch()
    assert soak._differences(found["whole"], soak.essence(tmp_path / "same")) == ["a: files"]
