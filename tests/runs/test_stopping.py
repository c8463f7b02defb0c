"""How signals are held and heard, what a run says last, and what a bar counts after a run went on."""

import io
import signal
import sys
import threading

import pytest

from bnjax import records
from bnjax.process.progress import Progress
from bnjax.process.signals import Stopped, held_signals, stop_signals
from bnjax.runs.recording.recorder import Recorder, print_record, same_command
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id
from bnjax.sweeps.sweep_progress import SweepProgress

ENDED = dict(epochs=1, steps=1, final={}, best={}, dying={}, state_sha256=None, seconds=1.0)


@pytest.fixture
def sigint_is():
    """Sets what SIGINT does, until the test ends."""
    before = signal.getsignal(signal.SIGINT)
    yield lambda handler: signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGINT, before)


def test_an_ignored_signal_is_not_heard_where_signals_wait(sigint_is):
    sigint_is(signal.SIG_IGN)
    with held_signals() as waiting:
        signal.raise_signal(signal.SIGINT)
    assert waiting == []


def test_a_signal_behind_another_that_is_only_noted_is_not_lost(sigint_is):
    noted = []
    sigint_is(lambda number, _: noted.append(number))

    def both():
        with stop_signals(signal.SIGTERM), held_signals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped) as stopped:
        both()
    assert stopped.value.number == signal.SIGTERM
    assert noted == [signal.SIGINT]


def test_a_run_says_once_how_it_ended_whoever_speaks_first(tmp_path):
    told = []
    recorder = Recorder(resolve(Config(out_dir=str(tmp_path))), told.append)
    first = threading.Thread(target=lambda: recorder.emit("summary", status="interrupted", **ENDED))
    first.start()
    first.join()
    recorder.emit("summary", status="done", **ENDED)
    assert records.read(recorder.path) == told == [recorder.summary]
    assert recorder.summary["status"] == "interrupted"


def test_what_goes_on_is_the_same_command_without_what_begins_anew():
    assert same_command(Config()) == "the same command"
    assert same_command(Config(overwrite=True)) == "the same command without --overwrite"
    assert same_command(Config(resume=False)) == "the same command without --noresume"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def slow_down(bar):
    """A bar whose first second never ends, and that looks at every change."""
    bar._time = lambda: bar.start_t + 1
    bar.mininterval, bar.miniters = 0, 0


def test_a_bar_counts_its_speed_from_where_a_run_went_on(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(1000, 10) as progress:
        slow_down(progress._bar)
        progress.start_at(500)
        progress.advance(8, 1, 0.5)
        shown = progress._bar.format_dict
        assert (shown["n"], shown["rate"]) == (508, pytest.approx(8))


def test_the_bar_of_a_sweep_counts_the_epochs_that_were_made_meanwhile(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    gone_on, diverged = resolve(Config(epochs=60)), resolve(Config(epochs=40, seed=1))
    with SweepProgress([gone_on, diverged], "p", print_record) as standing:
        slow_down(standing._bar)
        standing.tell({"kind": "epoch", "run_id": run_id(gone_on), "epoch": 51, "test_accuracy": 0.5})
        standing.end(diverged, "diverged")
        shown = standing._bar.format_dict
        assert (shown["n"], shown["rate"]) == (91, pytest.approx(1))
