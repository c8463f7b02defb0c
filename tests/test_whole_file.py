"""Files are written whole or not at all."""

import json
import os
from pathlib import Path

import pytest
from speed_peers.emitter import emitter

from bnjax import files as whole_file
from bnjax.files import write_whole


def test_an_older_file_stays_where_a_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_file.os, "fsync", full)
    with pytest.raises(OSError, match=r"page\.html"):
        write_whole(path, b"new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("page.html", "old")]


@pytest.mark.skipif(os.name == "nt", reason="needs links and devices")
def test_links_stay_and_devices_are_written_to(tmp_path):
    path, link = tmp_path / "page.html", tmp_path / "link.html"
    link.symlink_to(path)
    for content in (b"one", b"two"):
        write_whole(link, content)
        assert (path.read_bytes(), link.is_symlink()) == (content, True)
    write_whole(Path(os.devnull), b"three")
    assert not Path(os.devnull).is_file()


def test_a_measurement_takes_an_older_ones_place_with_its_first_record(tmp_path, capsys):
    out = tmp_path / "speed.jsonl"
    out.write_text("old")
    emit = emitter(str(out), "speed.py")
    assert out.read_text() == "old"
    emit({"kind": "speed", "n": 1})
    emit({"kind": "speed", "n": 2})
    assert [json.loads(line)["n"] for line in out.read_text().splitlines()] == [1, 2]
    assert capsys.readouterr().out == out.read_text()


@pytest.mark.parametrize("out", ["no/such/folder/file", "."])
def test_where_nothing_can_be_written_is_told_before_anything_is_measured(out, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        emitter(out, "speed.py")
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"speed.py: --out={out}: ")


def test_a_folder_that_takes_no_files_is_named_with_the_reason(tmp_path, monkeypatch):
    def refused(**_):
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(whole_file.tempfile, "TemporaryFile", refused)
    with pytest.raises(OSError, match=r"cannot be written to \(No such file or directory\)") as raised:
        whole_file.check_writable(tmp_path / "runs" / "new")
    assert raised.value.filename == str(tmp_path)
