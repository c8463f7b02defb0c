"""bnjax from Python: what its functions take, train, return and refuse."""

import ast
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from starting import PATIENCE

import bnjax
from bnjax import records
from bnjax.api import bar
from bnjax.api.arguments import command_from
from bnjax.commands.parsing.flags import command_from_flags
from bnjax.placement import parse_placement
from bnjax.settings.identity import run_id
from bnjax.studies import STUDIES

TINY = dict(dataset="digits", model="mlp", width=16, epochs=2, norm_momentum=0.9)
TINY_FLAGS = ("--dataset=digits", "--model=mlp", "--width=16", "--epochs=2", "--norm_momentum=0.9")


def ids(command):
    return [run_id(config) for config in command.configs]


# What it lends


def test_every_name_is_lent_and_written_for_type_checkers():
    tree = ast.parse(Path(bnjax.__file__).read_text(encoding="utf-8"))
    [checked] = [node for node in tree.body if isinstance(node, ast.If)]
    written = {node.module: {alias.name for alias in node.names} for node in checked.body}
    assert written == {module: set(names) for module, names in bnjax._LENT.items()}
    assert {name for names in written.values() for name in names} == set(bnjax.__all__)
    for name in bnjax.__all__:
        assert getattr(bnjax, name).__doc__
    assert set(bnjax.__all__) <= set(dir(bnjax))


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'CNNN'"):
        _ = bnjax.CNNN


def test_importing_it_imports_nothing_else():
    code = "import sys, bnjax; bnjax.ConfigError; print({'jax', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# What it takes


def test_keyword_arguments_are_the_flags():
    asked = command_from("cifar10", {}, 3, {"placement": "conv,dense", "dropout": 0.4, "dataset": "digits"})
    flags = ["x", "--placement=conv,dense", "--dropout=0.4", "--dataset=digits", "--seeds=3"]
    assert ids(asked) == ids(command_from_flags(flags, "cifar10"))


@pytest.mark.parametrize(
    ("vary", "flag"),
    [
        ({"placement": ["none", "all"], "dropout": [0, 0.4]}, "--vary=placement=none|all; dropout=0|0.4"),
        ("placement=none|all", "--vary=placement=none|all"),
        ("conditions", "--sweep=conditions"),
    ],
)
def test_what_varies_is_what_the_flags_vary(vary, flag):
    flags = ["x", flag, "--dataset=digits", "--seeds=2"]
    asked = command_from("cifar10", vary, 2, {"dataset": "digits"})
    assert ids(asked) == ids(command_from_flags(flags, "cifar10"))


def test_values_of_other_types_are_taken_where_they_mean_the_same():
    sites = bnjax.CNN().sites
    settings = {
        "placement": parse_placement("conv", sites),
        "dropout": np.float32(0.5),
        "epochs": np.int64(3),
        "bn_batch": 32,
        "out_dir": Path("some/where"),
    }
    [config] = command_from("cifar10", {}, 1, settings).configs
    assert (config.dropout, config.epochs, config.bn_batch) == (0.5, 3, "32")
    assert config.placement == "cBr-cBr-dr"
    assert config.out_dir == str(Path("some/where"))
    assert type(config.epochs) is int


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"dropuot": 0.4},
            "'dropuot' is not a setting of a run (bnjax STUDY --helpfull lists them); did you",
        ),
        ({"jobs": 2}, "'jobs' is not a setting of a run"),
        ({"dropout": 1.5}, "dropout=1.5 is outside [0,1)"),
        ({"dropout": "0.4"}, "dropout='0.4' is not a number"),
        ({"dropout": True}, "dropout=True is not a number"),
        ({"epochs": 2.5}, "epochs=2.5 is not a whole number"),
        ({"overwrite": 1}, "overwrite=1 is not True or False"),
        ({"model": "cn"}, "model=cn is not one of cnn, mlp"),
        ({"placement": "cnov"}, "did you mean 'conv'?"),
        ({"placement": None}, "placement=None is not a text"),
        (
            {"placement": ["none", "all"]},
            "is not a text; bnjax.sweep(study, {'placement': ['none', 'all']}) compares several",
        ),
        ({"seeds": 0}, "seeds=0 is outside"),
        ({"recipe": "best"}, "recipe=best is not one of published, controlled"),
    ],
)
def test_a_wrong_argument_is_a_config_error(settings, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bnjax.ConfigError) as caught:
        bnjax.run("cifar10", **settings)
    assert said in str(caught.value)
    assert "--dropout" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("vary", "settings", "said"),
    [
        ({"placement": "none"}, {}, "placement='none' is not a list of values"),
        ({"dropot": [0]}, {}, "did you mean 'dropout'?"),
        ({"dropout": [0, 2]}, {}, "dropout=2.0 is outside"),
        ({"dropout": [0, 0.4]}, {"dropout": 0.2}, "dropout=0.2: vary gives that itself"),
        ("everything", {}, "sweep=everything is not one of conditions"),
    ],
)
def test_a_wrong_sweep_is_a_config_error(vary, settings, said):
    with pytest.raises(bnjax.ConfigError) as caught:
        bnjax.sweep("cifar10", vary, **settings)
    assert said in str(caught.value)


@pytest.mark.parametrize("function", [bnjax.run, bnjax.answer])
def test_an_unknown_study_is_a_config_error(function):
    with pytest.raises(bnjax.ConfigError, match=r"'cifar' is not a study: .*did you mean 'cifar10'"):
        function("cifar")


def test_absent_data_are_a_data_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bnjax.DataError, match="nowhere"):
        bnjax.run("cifar10", data_dir=tmp_path / "nowhere")


# What it trains and returns


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("runs")
    return bnjax.sweep(
        "cifar10", {"placement": ["none", "all"]}, seeds=2, out_dir=out_dir, keep_state=True, **TINY
    )


def test_training_says_nothing(tmp_path, capfd):
    runs = bnjax.run("cifar10", out_dir=tmp_path, placement="all", **{**TINY, "norm_momentum": 0.99})
    assert capfd.readouterr() == ("", "")
    assert len(runs.notes) > 0
    assert any("norm_momentum=" in note for note in runs.notes)
    assert not any("--" in note for note in runs.notes)
    again = bnjax.run("cifar10", out_dir=tmp_path, placement="all", **{**TINY, "norm_momentum": 0.99})
    assert again.notes == ()
    assert again.frame.equals(runs.frame)


def test_it_trains_what_the_command_trains(runs, cifar10_command, tmp_path):
    flags = [*TINY_FLAGS, "--placement=all", f"--out_dir={tmp_path}"]
    subprocess.run([*cifar10_command, *flags], capture_output=True, check=True)
    [path] = tmp_path.glob("*/metrics.jsonl")
    ours = next(run for run in runs.recorded if run.run["run_id"] == path.parent.name)
    theirs = records.read(path)[-1]
    assert ours.summary["final"]["test_loss"] == pytest.approx(theirs["final"]["test_loss"], rel=1e-3)


def test_the_frame_is_tidy(runs):
    assert len(runs) == 4
    assert len(runs.frame) == 8
    assert set(runs.frame["placement"]) == {"dr", "drB"}
    assert set(runs.frame["run_status"]) == {"done"}
    assert len(runs[1].frame) == 2
    assert [len(one) for one in runs] == [1, 1, 1, 1]


def test_the_summary_ranks_conditions_and_pairs_them_by_seed(runs):
    table = runs.summary
    assert list(table["test_accuracy"]) == sorted(table["test_accuracy"], reverse=True)
    last = runs.frame[runs.frame["epoch"] == 2].set_index(["condition", "seed"])["test_accuracy"]
    for placement in ("none", "dense"):
        assert table.loc[placement, "test_accuracy"] == pytest.approx(last[placement].mean())
    assert table.loc["dense", "difference"] == pytest.approx((last["dense"] - last["none"]).mean())
    assert np.isnan(table.loc["none", "difference"])
    assert set(table["n"]) == {2}
    low, high = table.loc["dense", "low"], table.loc["dense", "high"]
    assert low < table.loc["dense", "test_accuracy"] < high


def test_it_shows_itself_as_a_table(runs):
    assert "4 runs, 2 conditions" in repr(runs)
    assert "reference" in repr(runs)
    page = runs._repr_html_()
    assert page.count("<table") == 1
    assert "dense" in page
    assert "reference" not in repr(runs[0])


def test_it_draws_a_line_for_each_condition(runs, tmp_path):
    figure = runs.plot("test_loss")
    [axes] = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["none (n = 2)", "dense (n = 2)"]
    mean = runs.frame[runs.frame["condition"] == "dense"].groupby("epoch")["test_loss"].mean()
    assert axes.get_lines()[1].get_ydata() == pytest.approx(mean.to_numpy())
    figure.savefig(tmp_path / "curves.png")
    with pytest.raises(bnjax.ConfigError, match=r"'accuracy' is not a column of numbers: .*test_accuracy"):
        runs.plot("accuracy")


def test_a_run_has_its_network_and_variables(runs):
    from bnjax.data import load_dataset

    with pytest.raises(bnjax.ConfigError, match=r"4 runs; write runs\[0\].variables"):
        _ = runs.variables
    one = next(run for run in runs if run.configs[0].placement == "drB")
    config = one.configs[0]
    test = load_dataset(config, *config.images()).test
    logits = one.model.apply(one.variables, test.images.astype(np.float32))
    accuracy = (np.argmax(logits, -1) == test.labels).mean()
    assert accuracy == pytest.approx(one.frame["test_accuracy"].iloc[-1], abs=1e-6)


def test_variables_that_were_not_kept_are_named(tmp_path):
    run = bnjax.run("cifar10", out_dir=tmp_path, keep_state=False, **TINY)
    with pytest.raises(bnjax.ConfigError, match="keep_state=True"):
        _ = run.variables


def test_a_run_that_diverges_is_counted_apart(tmp_path):
    run = bnjax.run("cifar10", out_dir=tmp_path, optimizer="sgd", learning_rate=1e30, **TINY)
    assert "1 diverged" in repr(run)
    assert list(run.summary["left_out"]) == [1]
    assert list(run.summary["n"]) == [0]


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    seen = []

    def stop(self, record):
        seen.append(record["kind"])
        if record["kind"] == "epoch" and record["epoch"] == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(bar.EpochBar, "tell", stop)
        with pytest.raises(KeyboardInterrupt):
            bnjax.run("cifar10", out_dir=tmp_path, **{**TINY, "epochs": 5})
    assert seen == ["run", "epoch", "epoch", "epoch", "summary"]
    run = bnjax.run("cifar10", out_dir=tmp_path, **{**TINY, "epochs": 5})
    assert list(run.frame["epoch"]) == [1, 2, 3, 4, 5]
    assert "goes on after epoch 3" in "".join(run.notes)


@pytest.mark.slow
def test_a_script_needs_no_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import bnjax\n"
        f"runs = bnjax.sweep('cifar10', {{'placement': ['none', 'all']}}, **{TINY!r})\n"
        "print(len(runs.frame))\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "4\n"
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of nbclient's own
def test_a_notebook_shows_a_table_and_a_bar(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cells = [f"import bnjax\nbnjax.run('cifar10', **{TINY!r})", "bnjax.run('cifar10', dropout=2)"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, timeout=PATIENCE, allow_errors=True, resources=resources).execute()
    first, second = (cell["outputs"] for cell in book["cells"])
    shown = [output for output in first if output["output_type"] == "execute_result"]
    assert "<table" in shown[0]["data"]["text/html"]
    assert "2/2" in "".join(output.get("text", "") for output in first)
    assert [output["ename"] for output in second] == ["ConfigError"]


# What it judges


def test_an_answer_has_a_row_for_each_claim_and_recipe():
    told = bnjax.answer("mnist", Path(__file__).resolve().parents[2] / "experiments" / "results")
    assert len(told.table) == 2 * len(STUDIES["mnist"].claims)
    assert set(told.table["recipe"]) == {"published", "controlled"}
    assert len(set(told.table["verdict"])) > 1
    assert "<table" in told._repr_html_()
    assert STUDIES["mnist"].title in repr(told)


def test_an_answer_needs_runs(tmp_path):
    with pytest.raises(NotADirectoryError, match="nowhere is not a folder"):
        bnjax.answer("mnist", tmp_path / "nowhere")
    with pytest.raises(LookupError, match="no runs"):
        bnjax.answer("mnist", tmp_path)
