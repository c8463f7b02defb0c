"""Faults of the machine, made for real: each ends a run with one clear line, and nothing recorded is lost."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from starting import PATIENCE
from test_sweep import wait_for

from bnjax import records
from bnjax.runs.lock import locked

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
import soak  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="makes faults by Linux's means"),
]
SMALL = ("--dataset=digits", "--width=16", "--batch_size=64", "--placement=all")
ENDLESS = "--epochs=1000000"


def start(*arguments, **options):
    command = [sys.executable, str(EXPERIMENTS / "mnist.py"), *arguments]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen(command, **{**pipes, **options})


@contextlib.contextmanager
def started(*arguments, **options):
    with start(*arguments, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process):
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


def assert_failed_with_a_line(process, *words):
    code, err = finish(process)
    assert code == 1, err
    assert "Traceback" not in err
    line = err.splitlines()[-1]
    assert [word for word in words if word not in line] == []


def read_whole(path):
    """Records without a torn line."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return records.read(path)


def has_epochs(out_dir, count=2):
    texts = [path.read_text(encoding="utf-8") for path in out_dir.glob("*/metrics.jsonl")]
    return any(text.count('"kind": "epoch"') >= count for text in texts)


def mount(folder, options):
    """A file system of its own, or the reason why this machine makes none."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("no right to mount a file system")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes."""
    disk = tmp_path / "disk"
    mount(disk, "size=2m")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@contextlib.contextmanager
def immutable(folder):
    """A folder in which nobody may make or delete a file, not even root."""
    if subprocess.run(["chattr", "+i", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a folder immutable")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=True)


def fill(disk, free):
    """Leaves so many bytes on a disk."""
    left = shutil.disk_usage(disk).free - free
    (disk / "filler").write_bytes(bytes(max(left, 0)))


LANES = ("--seeds=2", "--lanes=2")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What runs of these flags come to where nothing is in their way."""
    found = {}

    def essence(flags):
        if flags not in found:
            folder = tmp_path_factory.mktemp("whole")
            assert finish(start(*flags, f"--out_dir={folder}"))[0] == 0
            found[flags] = soak.essence(folder)
        return found[flags]

    return essence


@pytest.mark.parametrize(
    ("free", "lanes"), [(0, ()), (8_000, ()), (100_000, ()), (700_000, ()), (8_000, LANES), (700_000, LANES)]
)
def test_a_full_disk_ends_a_run_that_goes_on_when_there_is_room(free, lanes, small_disk, undisturbed):
    """Full from the start, after some records, in the first checkpoint, in a later one."""
    flags = (*SMALL, *lanes, "--epochs=12", "--checkpoint_every=1")
    fill(small_disk, free)
    if free == 700_000:
        flags = (*flags, "--width=100")  # checkpoints of which not all fit
    process = start(*flags, f"--out_dir={small_disk}")
    code, err = finish(process)
    assert code == 1, err
    assert "No space left on device" in err
    assert str(small_disk) in err
    assert "Traceback" not in err
    before = {path: read_whole(path) for path in small_disk.glob("*/metrics.jsonl")}
    assert not list(small_disk.glob("*/.*npz"))
    (small_disk / "filler").unlink()
    resize = ["mount", "-o", "remount,size=64m", str(small_disk)]
    subprocess.run(resize, check=True)
    assert finish(start(*flags, f"--out_dir={small_disk}"))[0] == 0
    assert soak.essence(small_disk) == undisturbed(flags)
    assert before.keys() <= set(small_disk.glob("*/metrics.jsonl"))


def test_a_limit_on_files_is_told_like_a_full_disk(tmp_path):
    process = start(*SMALL, ENDLESS, f"--out_dir={tmp_path}")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (6_000, 6_000))  # long before it writes
    assert_failed_with_a_line(process, "File too large", str(tmp_path))
    [path] = tmp_path.glob("*/metrics.jsonl")
    assert read_whole(path)


@pytest.mark.parametrize("runs", [(), ("--seeds=2", "--jobs=2")], ids=["alone", "sweep"])
def test_a_folder_that_cannot_be_written_is_told_before_data_is_read(runs, tmp_path):
    """There is no data either: that would be told second."""
    flags = ("--dataset=cifar10", f"--data_dir={tmp_path / 'nowhere'}", *runs)
    for name in ("ro", "immutable"):
        (tmp_path / name).mkdir()
    with immutable(tmp_path / "immutable"):
        place = tmp_path / "immutable" / "runs"
        assert_failed_with_a_line(start(*flags, f"--out_dir={place}"), str(place.parent), "not permitted")
    mount(tmp_path / "mounted", "ro")
    place = tmp_path / "mounted"
    try:
        assert_failed_with_a_line(start(*flags, f"--out_dir={place}"), str(place), "Read-only")
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_folder_that_becomes_immutable_ends_a_run_that_goes_on_later(tmp_path):
    flags = (*SMALL, "--epochs=100", "--checkpoint_every=1", f"--out_dir={tmp_path}")
    with started(*flags) as process:
        wait_for(lambda: has_epochs(tmp_path))
        [folder] = tmp_path.iterdir()
        with immutable(folder):
            assert_failed_with_a_line(process, str(folder), "not permitted")
    assert read_whole(folder / "metrics.jsonl")
    code, err = finish(start(*flags))
    assert (code, "goes on after epoch" in err) == (0, True)


@pytest.fixture
def as_user():
    """The start of a command line that has to obey permissions, even root's."""
    if os.geteuid():
        return ()
    setpriv = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if not shutil.which("setpriv") or subprocess.run([*setpriv, "true"], check=False).returncode:
        pytest.skip("root heeds no permissions here")
    return setpriv


def start_as(as_user, *arguments):
    return subprocess.Popen(
        [*as_user, sys.executable, str(EXPERIMENTS / "mnist.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_lost_permission_ends_a_run(as_user, tmp_path):
    with start_as(as_user, *SMALL, ENDLESS, f"--out_dir={tmp_path}") as process:
        wait_for(lambda: has_epochs(tmp_path))
        [run] = tmp_path.iterdir()
        run.chmod(0)
        assert_failed_with_a_line(process, str(run), "Permission denied")
    run.chmod(0o755)
    assert read_whole(run / "metrics.jsonl")


def test_missing_permission_is_told_at_the_start(as_user, tmp_path):
    tmp_path.chmod(0o555)
    process = start_as(as_user, *SMALL, f"--out_dir={tmp_path / 'runs'}")
    assert_failed_with_a_line(process, str(tmp_path), "Permission denied")


def test_data_that_vanishes_ends_a_streamed_run_that_goes_on_when_it_is_back(tmp_path):
    photographs, away = tmp_path / "photographs", tmp_path / "away"
    soak.make_photographs(photographs)
    streamed = ("--image_size=16", "--stream=always", "--batch_size=32", "--width=8", "--checkpoint_every=1")
    flags = (f"--dataset=folder:{photographs}", *streamed, "--epochs=80", f"--out_dir={tmp_path / 'runs'}")
    with started(*flags) as process:
        wait_for(lambda: has_epochs(tmp_path / "runs"))
        photographs.rename(away)
        assert_failed_with_a_line(process, str(photographs), "cannot be read")
    [path] = tmp_path.glob("runs/*/metrics.jsonl")
    assert read_whole(path)[-1]["status"] == "interrupted"
    before = path.read_bytes()
    assert_failed_with_a_line(start(*flags), str(photographs), "does not exist")
    assert path.read_bytes() == before
    away.rename(photographs)
    code, err = finish(start(*flags))
    assert (code, "goes on after epoch" in err) == (0, True)


def test_a_second_process_on_a_run_is_told_so_and_leaves_it_alone(tmp_path):
    flags = (*SMALL, ENDLESS, f"--out_dir={tmp_path}")
    with started(*flags) as first:
        wait_for(lambda: has_epochs(tmp_path))
        [folder] = tmp_path.iterdir()
        assert_failed_with_a_line(start(*flags), "another process is making the run", str(folder))
        first.send_signal(signal.SIGKILL)
        first.wait()
    with locked(folder):  # the lock of a process that died blocks nobody
        pass
    read = records.read(folder / "metrics.jsonl")
    assert [r["epoch"] for r in read if r["kind"] == "epoch"] == list(range(1, len(read)))


_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
/* The time of day jumps by up to a day, to and fro, each time that somebody looks. */
static long jump(void) { static unsigned long n = 1; n = n * 6364136223846793005ul + 1442695040888963407ul;
                         return (long)(n >> 33) % 86400 - 43200; }
int clock_gettime(clockid_t id, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(id, t);
  if (id == CLOCK_REALTIME) t->tv_sec += jump();
  return code;
}
time_t time(time_t *out) { struct timespec t; clock_gettime(CLOCK_REALTIME, &t); if (out) *out = t.tv_sec;
                           return t.tv_sec; }
int gettimeofday(struct timeval *restrict v, void *restrict z) {
  struct timespec t; clock_gettime(CLOCK_REALTIME, &t);
  v->tv_sec = t.tv_sec; v->tv_usec = t.tv_nsec / 1000; return 0; }
"""


@pytest.fixture
def jumping_clock(tmp_path):
    """The environment of a process whose clock jumps."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("needs a C compiler")
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(_CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    env = {**os.environ, "LD_PRELOAD": str(library)}
    look = "import time; print(len({int(time.time()) // 600 for _ in range(9)}))"
    seen = subprocess.run([sys.executable, "-c", look], env=env, capture_output=True, text=True, check=True)
    assert int(seen.stdout) > 3
    return env


@pytest.mark.parametrize("runs", [(), ("--seeds=2", "--jobs=2")], ids=["alone", "sweep"])
def test_a_clock_that_jumps_changes_nothing(runs, jumping_clock, tmp_path):
    flags = (*SMALL, "--epochs=6", *runs)
    code, err = finish(start(*flags, f"--out_dir={tmp_path / 'jumping'}", env=jumping_clock))
    assert code == 0, err
    assert finish(start(*flags, f"--out_dir={tmp_path / 'steady'}"))[0] == 0
    assert soak.essence(tmp_path / "jumping") == soak.essence(tmp_path / "steady")
    for path in tmp_path.glob("jumping/*/metrics.jsonl"):
        assert all(0 <= r["seconds"] < 3600 for r in records.read(path) if r["kind"] != "run")


@pytest.mark.parametrize("flag", ["--help", "--dry_run"])
def test_a_full_stdout_is_told_where_nothing_is_recorded(flag, tmp_path):
    with open("/dev/full", "w", encoding="utf-8") as full:
        code, err = finish(start(*SMALL, flag, f"--out_dir={tmp_path}", stdout=full))
    assert (code, err) == (1, "mnist.py: [Errno 28] No space left on device\n")


def test_a_full_stdout_is_told_and_the_records_are_kept(tmp_path):
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = start(*SMALL, "--epochs=3", f"--out_dir={tmp_path}", stdout=full)
        assert_failed_with_a_line(process, "No space left on device")
    [path] = tmp_path.glob("*/metrics.jsonl")
    assert read_whole(path)
