"""A probe with a function of its own, as a plugin brings it: on devices, in lanes, in records and tables."""

import json
import re
import shlex
import subprocess
import sys
from typing import TypedDict

import jax.numpy as jnp
import numpy as np
import pytest
from documents import blocks, command_lines, section
from sklearn.metrics.pairwise import cosine_similarity
from small_runs import config, one_step_of, run_on
from starting import PATIENCE
from test_fresh import DATA, NORMED, side_by_side, trained
from test_report_mnist import record_run

import bnjax
from bnjax import records
from bnjax.commands.listing import list_command
from bnjax.commands.parsing.help_pages import help_page
from bnjax.plugins import PluginError, load_plugin
from bnjax.probes import Probe, known_probes
from bnjax.records import RecordError, validate
from bnjax.report.runs.recorded import load_sound_runs

pytestmark = pytest.mark.usefixtures("registries_stay")
DOCUMENT = section("bnjax/README.md", "A probe as a plugin, with a function of its own")


class Height(TypedDict):
    height: float | None


def heights(subject, state, statistics, batch):
    """Site -> its mean output, and how many labels there are."""
    variables = subject.variables(state.params, statistics)
    kept = dict(capture_intermediates=True, mutable=["intermediates"])
    _, found = subject.model.apply(variables, subject.images(batch), **kept)
    [output] = found["intermediates"]["fc_dense1"]["__call__"]
    return {"fc/dense1": output.mean(), "labels": jnp.sum(batch.labels >= 0)}


def look(seen, memory):
    found = seen.observed["tall"]
    assert found["labels"] == 16
    return {"fc/dense1": {"height": float(found["fc/dense1"])}}


def probe(**changes):
    told = dict(name="tall", meaning="a mean", source="here", cost="little", found=Height, look=look)
    return Probe(**{**told, "observe": f"{__name__}:heights", **changes})


@pytest.mark.slow
def test_its_function_sees_the_network_and_a_batch():
    """Of one hidden layer, by hand in float64."""
    bnjax.register(probe())
    settings = dict(placement="none", fresh_images=0, epochs=1)
    run, [epoch], summary = trained(probes="tall", **settings)
    chosen = np.arange(16) * len(DATA.train) // 16
    x = DATA.train.images[chosen].reshape(16, -1).astype(np.float64)
    hidden = x @ np.asarray(run.state.params["fc_dense1"]["kernel"], np.float64)
    hidden = np.maximum(hidden + np.asarray(run.state.params["fc_dense1"]["bias"]), 0)
    assert epoch["tall"] == {"fc/dense1": {"height": pytest.approx(hidden.mean(), rel=1e-5)}}
    assert summary["tall"] == epoch["tall"]
    assert summary["state_sha256"] == trained(probes="none", **settings)[2]["state_sha256"]


@pytest.mark.slow
def test_lanes_are_looked_at_as_runs_by_themselves():
    bnjax.register(probe())
    both = [NORMED | dict(placement=placement, probes="tall", epochs=1) for placement in ("all", "none")]
    with_norm, without = (
        lane.epochs[-1]["tall"]["fc/dense1"]["height"]
        for lane in side_by_side(*(config(**settings) for settings in both))
    )
    alone = trained(**both[1])[1][-1]["tall"]["fc/dense1"]["height"]
    assert without == pytest.approx(alone, rel=1e-3)
    assert with_norm != pytest.approx(alone, rel=1e-2)


def test_what_is_no_site_is_refused(monkeypatch):
    bnjax.register(probe(look=lambda seen, memory: {"fc/dense9": {"height": 1.0}}, observe=""))
    with pytest.raises(RecordError, match="the probe tall names 'fc/dense9', and mlp has no such site"):
        trained(placement="none", fresh_images=0, epochs=1, probes="tall")


def test_a_function_that_is_not_there_is_named():
    bnjax.register(probe(observe=f"{__name__}:depths"))
    with pytest.raises(PluginError, match="a probe observes by test_own_function:depths, which is not there"):
        trained(placement="none", fresh_images=0, epochs=1, probes="tall")


class Taken(TypedDict):
    silent: float


class Field(TypedDict):
    test_loss: float


class Odd(TypedDict):
    height: np.ndarray


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(name="all"), "the name 'all' is taken by --probes"),
        (dict(name="lag"), "there is a probe 'lag' already"),
        (dict(name="seconds"), "the name 'seconds' is taken by records"),
        (dict(found=Taken), "the name 'silent' is taken by the probe dying"),
        (dict(found=Field), "the name 'test_loss' is taken by records"),
        (dict(found=dict), "found is <class 'dict'>, not a TypedDict"),
        (dict(found=Odd), "records hold no such type: ndarray"),
        (dict(observe="heights"), "observe is 'heights', not MODULE:FUNCTION"),
    ],
)
def test_what_records_cannot_hold_is_refused(changes, said):
    with pytest.raises(PluginError) as raised:
        bnjax.register(probe(**changes))
    assert said in str(raised.value)


def recorded(folder):
    """A run that was recorded with the probe; the file of its records."""
    record_run(folder, [0.5])
    [path] = folder.rglob(records.FILE_NAME)
    run, epoch, summary = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    run["config"]["probes"] = "dying,tall"
    epoch["tall"] = {"fc/dense1": {"height": 0.5}}
    path.write_text("".join(f"{json.dumps(one)}\n" for one in (run, epoch, summary)), encoding="utf-8")
    return epoch


def test_records_and_tables_know_what_is_registered(tmp_path):
    epoch = recorded(tmp_path)
    with pytest.raises(RecordError, match="tall"):
        validate(epoch)
    [_], [told] = load_sound_runs(tmp_path)  # by a bnjax without it: the rest of the run counts
    assert "epoch.tall" in told
    bnjax.register(probe())
    validate(epoch)
    with pytest.raises(RecordError, match=r"tall.fc/dense1.height is 'high', not a number"):
        validate({**epoch, "tall": {"fc/dense1": {"height": "high"}}})
    frame = bnjax.load(tmp_path)
    assert list(frame["height:fc/dense1"]) == [0.5]
    assert frame["height:fc/dense1"].dtype == float


def test_a_record_of_all_probes_need_not_have_one_that_came_later():
    assert [one.name for one in known_probes("dying,tall")] == ["dying"]
    bnjax.register(probe())
    assert "tall" in [one.name for one in known_probes("all")]


@pytest.fixture
def likeness(tmp_path):
    """The example's file."""
    path = tmp_path / "likeness.py"
    path.write_text(blocks(DOCUMENT, "python")[0], encoding="utf-8")
    return path


def test_the_examples_cosine_is_that_of_scikit_learn(likeness):
    module = sys.modules[f"bnjax_plugin_{load_plugin(str(likeness))}"]
    outputs = np.random.default_rng(0).normal(1, 1, (6, 3, 2)).astype(np.float32)
    between = cosine_similarity(outputs.reshape(6, -1))
    expected = between[~np.eye(6, dtype=bool)].mean()
    assert float(module.mean_cosine(jnp.asarray(outputs))) == pytest.approx(expected, rel=1e-5)


def test_help_and_lists_know_it(likeness, capsys):
    load_plugin(str(likeness))
    assert re.search(r"--probes=all\|none\|dying\S*\|likeness\n", help_page("x", "cifar10", "training"))
    list_command(["bnjax list", "probes"])
    assert "\n  likeness " in capsys.readouterr().out


@pytest.mark.slow
def test_two_devices_see_what_one_does(likeness, tmp_path):
    """After the same step, on a batch that they share; a plugin's probe beside bnjax's own."""
    flags = (*one_step_of("mlp"), f"--plugin={likeness}", "--probes=likeness,gradients,landscape")
    (_, one, _), (run, two, _) = (run_on(count, tmp_path, *flags)[0] for count in (1, 2))
    assert run["device"]["count"] == 2
    for probe in ("likeness", "gradients"):
        assert two[probe]["fc/dense1"] == pytest.approx(one[probe]["fc/dense1"], rel=1e-3)
    assert two["landscape"] == pytest.approx(one["landscape"], rel=1e-3)
    assert abs(one["likeness"]["fc/dense1"]["cosine"]) > 1e-3


@pytest.mark.slow
def test_the_example_does_what_it_says(likeness):
    def bnjax_command(*arguments):
        command = [sys.executable, "-m", "bnjax", *arguments]
        done = subprocess.run(
            command, cwd=likeness.parent, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    sweep, report = [shlex.split(line)[1:] for line in command_lines(DOCUMENT)]
    bnjax_command(*sweep, "--epochs=1", "--train_images=130", "--test_images=20", "--jobs=1")
    assert "likeness" not in bnjax_command(*report).stderr
    load_plugin(str(likeness))
    found = {}
    for path in likeness.parent.glob("runs/*/metrics.jsonl"):
        run, epoch, summary = records.read(path)
        assert epoch["likeness"] == summary["likeness"]
        found[run["config"]["placement"]] = epoch["likeness"]
    plain, normed = found["cr-cr-dr"], found["crB-crB-drB"]
    assert plain.keys() == normed.keys() == {"block1/conv1", "block2/conv1", "fc/dense1"}
    for site, of_site in plain.items():
        assert normed[site]["cosine"] < of_site["cosine"] < 1
    assert {f"cosine:{site}" for site in plain} <= {*bnjax.load(likeness.parent / "runs").columns}
