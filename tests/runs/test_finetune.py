"""Fine-tuning from end to end: weights that runs keep, sources trained first, and what is recorded."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import config, dataset

from bnjax import records
from bnjax.checksummed import read_arrays
from bnjax.data import DataError
from bnjax.models import MLP
from bnjax.runs import run as run_module
from bnjax.runs.recording.recorder import finished_summary
from bnjax.runs.training import prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.fields import WeightsError
from bnjax.settings.finetuning import source_config
from bnjax.settings.identity import run_id
from bnjax.settings.places import record_path, source_folder, variables_path
from bnjax.sweeps import task as task_module
from bnjax.sweeps.plan import Task
from bnjax.train.initial import first_state
from bnjax.train.programs.shared import Programs
from bnjax.weights import keep_variables, read_run_weights
from bnjax.weights.source import IMAGENET, read_weights, weights_file

pytestmark = pytest.mark.slow
PROGRAMS = Programs()
DATA = dataset()


@pytest.fixture(autouse=True)
def made_data(monkeypatch):
    monkeypatch.setattr(run_module, "load_images", lambda _: DATA)
    monkeypatch.setattr(task_module, "load_images", lambda _: DATA)


def settings(tmp_path, **changes):
    given = dict(epochs=2, placement="all", learning_rate=0.01, hidden_layers=2, out_dir=str(tmp_path))
    return config(**{**given, **changes})


def make(*configs, gated=False):
    statuses = {}
    task_module.make(Task(configs, gated), PROGRAMS, lambda _: None, statuses.__setitem__)
    return statuses


def epochs_of(each):
    return [record for record in records.read(record_path(each)) if record["kind"] == "epoch"]


def variables_of(model):
    return model.init(jax.random.key(0), jnp.zeros((1, 6, 6, 1)))


def small(**changes):
    return MLP(**{**dict(hidden_layers=2, width=12, placement="all:after"), **changes})


def test_variables_come_back_as_they_were_kept(tmp_path):
    model, path = small(), tmp_path / "variables.npz"
    kept = jax.tree.map(lambda leaf: leaf + 1, variables_of(model))
    keep_variables(path, kept)
    read = read_run_weights(path, model, variables_of(model), include_top=True)
    jax.tree.map(np.testing.assert_array_equal, dict(read), dict(kept))
    read = read_run_weights(path, model, variables_of(model), include_top=False)
    np.testing.assert_array_equal(read["params"]["logits"]["bias"], 0)
    np.testing.assert_array_equal(read["params"]["fc_dense1"]["bias"], 1)


def test_without_the_top_other_classes_and_another_head_fit(tmp_path):
    path, other = tmp_path / "variables.npz", small(num_classes=3, head_width=4)
    keep_variables(path, variables_of(small()))
    read = read_run_weights(path, other, variables_of(other), include_top=False)
    assert read["params"]["logits"]["kernel"].shape == (4, 3)
    with pytest.raises(WeightsError, match=r"is of another network: params/head/bias, .* has none"):
        read_run_weights(path, other, variables_of(other), include_top=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict(width=8),
            r"params/fc_dense1/kernel has shape \(36, 12\) instead of \(36, 8\)|has shape \(12,\)",
        ),
        (dict(hidden_layers=1), "of another network: .*fc_dense2.*, the network has none"),
        (dict(placement="none"), "of another network: .*norm.*, the network has none"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, changes, message):
    path, other = tmp_path / "variables.npz", small(**changes)
    keep_variables(path, variables_of(small()))
    with pytest.raises(WeightsError, match=message) as caught:
        read_run_weights(path, other, variables_of(other), include_top=False)
    assert str(path) in str(caught.value)


def test_damage_is_told(tmp_path):
    path = tmp_path / "variables.npz"
    keep_variables(path, variables_of(small()))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert read_arrays(path) is None
    with pytest.raises(WeightsError, match="is damaged"):
        read_weights(path, small(), variables_of(small()), include_top=False)


def test_what_is_no_file_of_weights_is_told(tmp_path):
    with pytest.raises(WeightsError, match="neither a file nor the folder of a run"):
        weights_file(str(tmp_path / "absent.h5"), include_top=False)
    with pytest.raises(WeightsError, match=r"holds no variables.npz; .* --keep_state"):
        weights_file(str(tmp_path), include_top=False)
    text = tmp_path / "notes.h5"
    text.write_text("no weights")
    with pytest.raises(WeightsError, match=r"notes.h5: Keras has no network like MLP"):
        read_weights(text, small(), variables_of(small()), include_top=False)


def test_without_a_network_imagenet_is_answered_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("BNJAX_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(DataError, match=r"notop.h5 cannot be downloaded .*--weights=PATH"):
        weights_file("imagenet", include_top=False)


def test_imagenet_is_downloaded_without_its_logits_unless_they_are_used():
    assert IMAGENET[False][0].endswith("_notop.h5")
    assert not IMAGENET[True][0].endswith("_notop.h5")
    assert all(known_hash.startswith("md5:") for _, known_hash in IMAGENET.values())


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_run_keeps_its_final_state_where_it_is_asked_to(tmp_path, lanes):
    frozen = dict(freeze_until="fc", norm_mode="keras2-train")
    asked = dict(keep_state=True, evaluate_train=True, **frozen)
    configs = [settings(tmp_path, **asked, seed=seed) for seed in range(lanes)]
    assert set(make(*configs, gated=lanes > 1).values()) == {"done"}
    for each in configs:
        assert all(epoch["train_evaluation_loss"] > 0 for epoch in epochs_of(each))
        kept = read_arrays(variables_path(each))
        assert "batch_stats/fc_dense2/norm/var" in kept
        assert not np.array_equal(kept["params/logits/bias"], np.zeros(10))
    other = settings(tmp_path, seed=7)
    make(other)
    assert not variables_path(other).exists()


def test_a_run_that_kept_nothing_is_made_again_where_its_state_is_asked_for(tmp_path):
    plain = settings(tmp_path)
    make(plain)
    keeping = dataclasses.replace(plain, keep_state=True)
    assert run_id(plain) == run_id(keeping)
    assert finished_summary(plain)
    assert finished_summary(keeping) is None
    make(keeping)
    assert finished_summary(keeping)


@pytest.mark.parametrize("gated", [False, True])
def test_a_run_starts_from_the_run_before_with_a_new_head(tmp_path, gated):
    target = settings(
        tmp_path,
        pretrain="digits",
        pretrain_epochs=1,
        placement="fc/dense1",
        freeze_until="fc",
        train_images=9,
    )
    source = resolve(source_config(target))
    assert source.train_images == 0  # all of its own set
    assert (source.dataset, source.epochs, source.freeze_until, source.keep_state) == ("digits", 1, "", True)
    with pytest.raises(WeightsError, match="neither a file nor the folder of a run"):
        prepare(target, DATA, programs=PROGRAMS)
    make(source)
    run = prepare(target, DATA, programs=PROGRAMS, gated=gated)
    kept = read_arrays(source_folder(target) / records.VARIABLES_NAME)
    start = PROGRAMS.of(target, DATA, gated).first_state(target.seed).params
    np.testing.assert_array_equal(run.state.params["fc_dense1"]["kernel"], kept["params/fc_dense1/kernel"])
    assert np.abs(start["fc_dense1"]["kernel"] - kept["params/fc_dense1/kernel"]).max() > 0
    np.testing.assert_array_equal(run.state.params["logits"]["kernel"], start["logits"]["kernel"])
    by_path = dataclasses.replace(target, pretrain="", weights=str(source_folder(target)))
    made = PROGRAMS.of(target, DATA, gated)
    same = first_state(resolve(by_path), made.model, made.first_state)
    jax.tree.map(np.testing.assert_array_equal, same.params, run.state.params)


def test_where_no_kernel_is_trained_the_head_comes_with_the_weights(tmp_path):
    target = settings(tmp_path, pretrain="digits", pretrain_epochs=1, trained="statistics")
    make(resolve(source_config(target)))
    run = prepare(target, DATA, programs=PROGRAMS)
    kept = read_arrays(source_folder(target) / records.VARIABLES_NAME)
    np.testing.assert_array_equal(run.state.params["logits"]["kernel"], kept["params/logits/kernel"])


def test_what_is_trained_is_counted_and_the_training_images_are_evaluated(tmp_path, capsys):
    held = dataclasses.replace(DATA, validation=DATA.test)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "load_images", lambda _: held)
        frozen = settings(tmp_path, freeze_until="fc", evaluate_train=True, epochs=3)
        assert make(frozen) == {frozen: "done"}
    run, *_, summary = records.read(record_path(frozen))
    logits = 12 * 10 + 10
    whole = logits + (36 * 12 + 12) + (12 * 12 + 12) + 2 * 24
    assert run["parameters"] == logits
    assert f"{logits:,} of {whole:,} parameters are trained" in capsys.readouterr().err
    found = epochs_of(frozen)
    losses = [epoch["validation_loss"] for epoch in found]
    assert summary["best"]["validation_loss"] == min(losses)
    assert summary["best"]["validation_loss_epoch"] == 1 + losses.index(min(losses))
    assert all(epoch["train_evaluation_loss"] > 0 for epoch in found)
    assert summary["final"]["train_evaluation_loss"] == found[-1]["train_evaluation_loss"]


def test_training_images_are_evaluated_by_running_statistics(tmp_path):
    """With nothing trained, inference mode in training is evaluation, and the batch's statistics are not."""
    same = settings(tmp_path, trained="statistics", trained_norm_mode="inference", evaluate_train=True)
    other = settings(tmp_path, trained="statistics", trained_norm_mode="frozen", evaluate_train=True)
    make(same)
    make(other)
    [first, second] = epochs_of(same)
    assert first["train_loss"] == pytest.approx(first["train_evaluation_loss"], rel=1e-5)
    assert first["test_loss"] == second["test_loss"]
    [first, _] = epochs_of(other)
    assert abs(first["train_loss"] - first["train_evaluation_loss"]) > 1e-3


def test_frozen_and_updated_statistics_train_the_same_weights(tmp_path):
    """While its scales and biases stay, a norm of the frozen part differs in evaluation alone."""
    kept = {}
    for mode in ("train", "frozen"):
        each = settings(tmp_path, freeze_until="fc", norm_mode=mode, keep_state=True)
        make(each)
        kept[mode] = read_arrays(variables_path(each)), [epoch["train_loss"] for epoch in epochs_of(each)]
    (updated, losses), (frozen, same_losses) = kept.values()
    assert losses == same_losses
    differing = {name for name in updated if not np.array_equal(updated[name], frozen[name])}
    assert differing == {name for name in updated if name.startswith("batch_stats/")}


def test_without_it_they_are_not(tmp_path):
    plain = settings(tmp_path)
    make(plain)
    assert all(epoch["train_evaluation_loss"] is None for epoch in epochs_of(plain))


def test_the_door_trains_its_source_first_and_finds_it_again(run_watched, tmp_path):
    flags = [
        *("--model=mlp", "--dataset=digits", "--pretrain=digits", "--pretrain_epochs=1", "--epochs=1"),
        *("--width=8", "--freeze_until=fc", "--sweep=modes", f"--out_dir={tmp_path}"),
    ]
    result = run_watched(*flags, script="finetune.py")
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    runs = [record for record in found if record["kind"] == "run"]
    assert [run["config"]["pretrain"] for run in runs] == ["", "digits", "digits", "digits"]
    assert len(list(tmp_path.glob("*/variables.npz"))) == 1
    modes = [run["config"]["norm_mode"] for run in runs[1:]]
    assert sorted(modes) == ["frozen", "inference", "train"]
    again = run_watched(*flags, script="finetune.py")
    assert again.returncode == 0
    assert "jax" not in again.imported
    assert {json.loads(line)["kind"] for line in again.stdout.splitlines()} <= {"summary"}
