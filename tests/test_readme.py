"""What the documents show is what is run: their commands, examples, tables and numbers."""

import itertools
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from documents import DOCUMENTS, ROOT, blocks, command_lines, commands, main_jobs, read, section
from PIL import Image
from starting import PATIENCE
from test_keras_files import write_keras_file, zeros

from bnjax.commands import console, script
from bnjax.commands.parsing.flags import command_from_flags
from bnjax.models import MobileNetV2
from bnjax.records import FILE_NAME
from bnjax.report.page.build import folder_report
from bnjax.report.page.documents import with_schema, with_verdicts
from bnjax.report.page.plain import as_markdown
from bnjax.report.page.results import results_text
from bnjax.report.runs.kept import read_kept
from bnjax.studies import STUDIES

KEPT = ROOT / "experiments/results"
EVERY = {one.line: one for document in DOCUMENTS for one in commands(document)}
#: What needs a network is not run here; of the two long lines everything behind the set-up is.
NETWORK = ("pip install", "git clone", "mkdir -p photos")
SET_UP = "pip install --no-deps -e . && "
#: The tests themselves, and what has tests of its own.
ELSEWHERE = ("pytest", "python experiments/speed.py", "python experiments/reproduce.py --study")
#: Sections that say how to add something; their commands work once that is done.
ADD = ("Add a norm", "Add a network", "Add a study", "Add a probe", "Add a data source")
BEHIND_SET_UP = [line.partition(SET_UP)[2] or line for line in EVERY]
#: Whose commands tests/commands/test_plugin.py and tests/probes/test_own_function.py run.
PLUGINS = ("Or leave bnjax as it is: a plugin", "A probe as a plugin, with a function of its own")
ADDED = [line for one in (*ADD, *PLUGINS) for line in command_lines(section("bnjax/README.md", one))]
RUN = [line for line in BEHIND_SET_UP if not line.startswith((*NETWORK, *ELSEWHERE)) and line not in ADDED]
SMALL = "--epochs=1 --train_images=130 --test_images=20"
#: Pattern of a command -> flags that make it small; all that match are given.
SMALLER = {
    r"(bnjax |/)(cifar10|mnist|vgg7|mobilenet|finetune|orders)\b": SMALL,
    r"--seeds": "--seeds=1 --jobs=1",
    r"--sweep=batch-sizes": "--train_images=500",
    r"--sweep=(grid|groups)": "--dry_run",
    r"--model=vit": "--vit_depth=1 --vit_width=32 --vit_heads=2",
    r"--pretrain=": "--pretrain_epochs=1",
    r"(cifar10|vgg7) (?!.*dataset)": "--dataset=digits --image_size=8",
    r"mnist (?!.*dataset)": "--dataset=digits",
    r"yang2019 ": "--hidden_layers=3 --width=16",
    r"mobilenet ": "--image_size=32 --width_multiplier=0.35",
    # InceptionV3 needs weights from the network; what the flags ask for is the same of a small network.
    r"finetune (?!.*--model)": "--model=cnn --weights=none --freeze_until=block1 --image_size=8",
    r"finetune .*--model": "--image_size=8",
    r"finetune ": "--train_images=60",
}
#: Placeholder -> what stands for it here.
PLACEHOLDERS = {
    "--pretrain=cifar10": "--pretrain=digits",
    "--num_processes=2": "--num_processes=1",
    "HOST:PORT": "localhost:PORT",
    "--engine=slurm": "--engine=local",
    "partition=long,timeout_min=240,gpus_per_node=1": "timeout_min=240",
}


def test_two_commands_set_everything_up():
    main_job, tests = main_jobs("README.md")
    assert "python experiments/cifar10.py --dataset=digits" in main_job
    assert "placement=none|conv,dense" in main_job  # a norm, beside none
    assert tests.endswith("&& pytest")


def test_ci_calls_exactly_these_commands():
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    between = ci.partition("# >>> tests\n")[2].partition("# <<< tests")[0]
    main_job, tests = main_jobs("README.md")
    assert between.splitlines() == [tests]
    assert main_job.partition(SET_UP)[2] in ci


@pytest.mark.parametrize("line", EVERY)
def test_a_command_says_how_long_it_takes_and_what_it_needs(line):
    assert re.fullmatch(r"(\d+ (s|min|h)|hours)\b[^;]*; \S.*", EVERY[line].told)


def test_what_pip_is_asked_for_is_there():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    asked = {name for document in DOCUMENTS for name in re.findall(r"-e \"\.\[(\w+)\]", read(document))}
    assert asked
    assert asked <= set(project["optional-dependencies"])


def test_links_lead_to_what_is_there():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", read(document)):
            if target and "://" not in target:
                assert ((ROOT / document).parent / target).exists(), f"{document} links to {target}"


def slug(heading):
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def test_links_lead_to_headings_that_are_there():
    for document in DOCUMENTS:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", read(document)):
            path = (ROOT / document).parent / target if target else ROOT / document
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"{document} links to {target}#{anchor}"


def free_port():
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


def filled_in(line):
    """The command with something of this machine in place of its placeholders."""
    for placeholder, value in PLACEHOLDERS.items():
        line = line.replace(placeholder, value)
    return line.replace("PORT", str(free_port()))


def with_small_flags(line):
    """The command filled in, and small."""
    script, pipe, rest = line.partition(" | ")
    small = [flags for pattern, flags in SMALLER.items() if re.search(pattern, script)]
    script = filled_in(script)
    return " ".join([script, *small]) + pipe + rest


@pytest.mark.parametrize(
    "line", [line for line in RUN if re.match(rf"bnjax ({'|'.join(STUDIES)})|.*/cifar10", line)]
)
def test_a_command_is_one_that_its_script_takes(line):
    _, script, *flags = shlex.split(filled_in(line).partition(" | ")[0])
    assert command_from_flags([script, *flags], Path(script).stem).configs


def write_photographs(folder, splits):
    generator = np.random.default_rng(0)
    for split in splits:
        for name in ("longsleeve", "t-shirt", "dress"):
            (folder / split / name).mkdir(parents=True)
            for number in range(55):
                pixels = generator.integers(0, 255, (10, 12, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_photographs(folder / "flowers", [""])
    write_photographs(folder / "clothing", ["train", "validation", "test"])
    return folder


def run_in(folder, line, **options):
    """Runs a command line where documents say that one stands: beside the experiments."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(options.pop("root", ROOT))}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", re.sub(r"^bnjax ", "python -m bnjax ", line)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def called(monkeypatch, capfd):
    """Calls what the command ``bnjax`` calls, with the words of a line; exit code and stderr."""
    for module in (console, script):
        monkeypatch.setattr(module, "exit_at_signals", lambda: None)

    def call(folder, line):
        monkeypatch.chdir(folder)
        try:
            code = console.main(shlex.split(line)[1:])
        except SystemExit as end:
            code = end.code
        return code, capfd.readouterr().err

    return call


def few_runs(folder, count=6):
    """The first of the kept runs of fine-tuning, which have two conditions."""
    for name, lines in itertools.islice(read_kept(KEPT / "finetune.jsonl.gz"), count):
        (folder / name).mkdir(parents=True)
        (folder / name / FILE_NAME).write_bytes(lines)


@pytest.mark.slow
@pytest.mark.parametrize("line", RUN)
def test_a_command_runs_as_written(line, tmp_path, photographs, called):
    """Scripts, pipes and several processes as a shell starts them, all else in this process, that has JAX."""
    if " | jq" in line and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    results = tmp_path / "experiments/results"  # tests/report/test_report_browser.py shows all of them
    few_runs(results)
    for script_file in (ROOT / "experiments").glob("*.py"):
        (tmp_path / "experiments" / script_file.name).symlink_to(script_file)
    (tmp_path / "photos").symlink_to(photographs)
    (tmp_path / "speed.jsonl").symlink_to(KEPT / "speed/first.jsonl")
    if re.search(r"(report(\.py)?|diagnose) runs", line):
        (tmp_path / "runs").symlink_to(results)
    small = with_small_flags(line)
    if line.startswith("bnjax ") and not re.search(r" \| |--distributed|--engine", line):
        code, told = called(tmp_path, small)
    else:
        result = run_in(tmp_path, small)
        code, told = result.returncode, result.stderr
    assert code == 0, told
    assert "Traceback" not in told


@pytest.mark.slow
def test_the_examples_of_the_library_run_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = MobileNetV2(placement="all", stride_padding="same")
    write_keras_file("weights.h5", model, zeros(model, 32), number=-0.5)
    names = {"images": jnp.ones((2, 32, 32, 3))}
    first = blocks(section("README.md", "In Python"), "python")
    others = blocks(section("bnjax/README.md", "As a library"), "python")
    assert (len(first), len(others)) == (2, 4)
    for block in (*first, *others):
        small = 'dataset="digits", epochs=1, train_images=130, test_images=20'
        exec(block.replace('dataset="digits"', small).replace("seeds=3", "seeds=1"), names)
    assert names["logits"].shape == (2, 10)
    assert names["variables"]["params"].keys() == {"block1_conv1", "block2_conv1", "fc_dense1", "logits"}


def test_the_example_of_records_runs_as_written(tmp_path, monkeypatch):
    (tmp_path / "runs").symlink_to(KEPT)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(blocks(read("bnjax/report/README.md"), "python")[0], names)
    assert len(names["runs"])


def apply_diff(path, diff):
    """Makes the changes of a documents' diff, whose parts stand between lines of ``@@``."""
    text = path.read_text(encoding="utf-8")
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines()
        before = "\n".join(line[1:] for line in lines if line[0] in " -")
        after = "\n".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(before) == 1, f"bnjax/README.md changes what {path} does not hold once: {before}"
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


def follow(text, root):
    """Does what a section says: writes and changes the files that it names before each block."""
    for prose, language, block in re.findall(r"(.*?)^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        names = re.findall(r"`([\w/]+\.py)`", prose)
        if language == "python":
            (root / names[-1]).write_text(block, encoding="utf-8")
        elif language == "diff":
            apply_diff(root / names[-1], block)


@pytest.mark.slow
@pytest.mark.parametrize("heading", ADD)
def test_what_is_added_as_written_works(heading, tmp_path):
    shutil.copytree(ROOT / "bnjax", tmp_path / "bnjax", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    text = section("bnjax/README.md", heading)
    follow(text, tmp_path)
    for line in command_lines(text):
        result = run_in(tmp_path, with_small_flags(line), root=tmp_path)
        assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def report():
    return folder_report(KEPT, pictures=False)


@pytest.mark.slow
def test_generated_parts_are_what_the_kept_records_say(report):
    assert with_verdicts(read("README.md"), report) == read("README.md")
    assert with_schema(read("bnjax/report/README.md")) == read("bnjax/report/README.md")
    assert results_text(report) in read("experiments/results/README.md")


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "experiments/QUESTIONS.md"])
def test_numbers_with_intervals_are_those_of_the_kept_records(document, report):
    told = re.findall(r"([+-]?\d+\.\d+)(?: \w+)? \[([^\]]*), ([^\]]*)\](?!\()", read(document))
    assert told
    kept = as_markdown(report)
    for mean, low, high in told:
        text = rf"{re.escape(mean)}[^|]* \[{re.escape(low)}, {re.escape(high)}\]"
        row = r" \| ".join(rf"\+?{re.escape(number)}" for number in (mean, low, high))
        assert re.search(rf"\| {row} \|", kept) or re.search(text, kept), (
            f"{document} says {mean} [{low}, {high}]; no kept record does"
        )
