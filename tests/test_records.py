"""Records: what they hold, how they are written, and how a damaged file is read."""

import errno
import json
import math
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnjax import records
from bnjax.records import (
    SCHEMA,
    RecordError,
    TornLine,
    append,
    find_summary,
    json_line,
    make_record,
    read,
    validate,
)

RUN_ID = "0123456789ab"
_EXAMPLES = {dict: {}, int: 3, str: "done", float: 0.5, type(None): None}


def record(kind="epoch", **changes):
    """A valid record; every field has the first type that the schema allows."""
    fields = {name: _EXAMPLES[types[0]] for name, (types, _) in SCHEMA[kind].items()}
    fields.update(changes)
    common = {"schema", "kind", "run_id"}
    return make_record(kind, RUN_ID, **{name: value for name, value in fields.items() if name not in common})


def whole_run(status="done", epochs=2):
    middle = [record(epoch=number, train_loss=1 / number) for number in range(1, epochs + 1)]
    return [record("run", config={"placement": "crB-cr-dr"}), *middle, record("summary", status=status)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


@pytest.fixture
def written(path):
    for item in whole_run():
        append(path, item)
    return path


def test_what_is_appended_is_read_back(written):
    assert read(written) == whole_run()
    assert [item["kind"] for item in read(written)] == ["run", "epoch", "epoch", "summary"]


def test_every_record_names_its_schema_kind_and_run_first():
    for kind in SCHEMA:
        assert list(record(kind))[:3] == ["schema", "kind", "run_id"]
        assert record(kind)["schema"] == records.SCHEMA_VERSION
        assert record(kind)["kind"] == kind


_finite_or_not = st.floats() | st.none()


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9)), _finite_or_not, _finite_or_not)
def test_one_record_is_one_line_of_strict_json(config, loss, accuracy):
    for item in (record("run", config=config), record(test_loss=loss, test_accuracy=accuracy)):
        line = json_line(item)
        assert line.endswith("\n")
        assert len(line.splitlines()) == 1
        assert json.loads(line, parse_constant=pytest.fail) == item


def test_a_line_suits_every_encoding_of_stdout():
    folder = "läufe\udcff"  # how Python gives a byte in an argument that is no UTF-8
    line = json_line(record("run", config={"out_dir": folder}))
    assert json.loads(line.encode("ascii"))["config"]["out_dir"] == folder


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_become_null(number, path):
    append(path, record(train_loss=number, dying={"site": {"silent": number}}))
    assert path.read_text().count("null") == 2
    [item] = read(path)
    assert item["train_loss"] is None
    assert item["dying"] == {"site": {"silent": None}}


def test_numbers_in_lists_become_null_too(path):
    append(path, record("run", data={"mean": [1.5, math.nan], "size": (2, math.inf)}))
    assert read(path)[0]["data"] == {"mean": [1.5, None], "size": [2, None]}


@pytest.mark.parametrize("kind", SCHEMA)
def test_every_field_is_required(kind):
    for name in SCHEMA[kind].keys() - {"kind"}:
        broken = {key: value for key, value in record(kind).items() if key != name}
        if name in (
            "study",
            "test_top5_accuracy",
            "train_batch_accuracy",
            "waiting",
            "program",
            "compile_seconds",
            "train_evaluation_loss",
            "train_evaluation_accuracy",
        ):  # older records lack them
            validate(broken)
            continue
        with pytest.raises(RecordError, match=f"{kind} record: field '{name}' is missing"):
            validate(broken)


@pytest.mark.parametrize("kind", SCHEMA)
def test_an_unknown_field_is_refused(kind):
    with pytest.raises(RecordError, match=f"{kind} record: unknown field 'colour'"):
        validate({**record(kind), "colour": 1})


@pytest.mark.parametrize("kind", SCHEMA)
def test_a_value_of_another_type_is_refused(kind):
    wrong = [True, 1, 1.5, "text", None, {}, []]
    for name, (types, _) in SCHEMA[kind].items():
        for value in (value for value in wrong if type(value) not in types and name != "kind"):
            with pytest.raises(RecordError, match=f"{kind} record: {name} is "):
                validate({**record(kind), name: value})


def test_a_bool_is_no_number():
    for name in ("epoch", "train_loss", "seconds"):
        with pytest.raises(RecordError, match=f"{name} is True"):
            record(**{name: True})


def test_a_numpy_number_is_refused_before_it_reaches_a_file():
    with pytest.raises(RecordError, match="train_loss"):
        record(train_loss=np.float32(1))


@pytest.mark.parametrize("kind", ["step", "", None, 3, [], {}])
def test_an_unknown_kind_is_refused(kind):
    with pytest.raises(RecordError, match="is not one of run, epoch, summary"):
        validate({**record(), "kind": kind})


def test_a_record_of_another_schema_is_refused():
    with pytest.raises(RecordError, match="schema"):
        validate({**record(), "schema": records.SCHEMA_VERSION + 1})


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_last_line_is_left_out_with_a_warning(written, kept):
    lines = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(lines[:-1]) + lines[-1][:kept])
    with pytest.warns(TornLine, match=str(written)) as caught:
        found = read(written)
    assert found == whole_run()[:-1]
    assert len(caught) == 1


def test_a_file_of_one_torn_line_is_empty(path):
    path.write_bytes(b'{"schema": 1, "kind')
    with pytest.warns(TornLine):
        assert read(path) == []


def test_an_empty_file_has_no_records(path):
    path.touch()
    assert read(path) == []


DAMAGED = {
    "no JSON": b'{"schema": 1, "kind": "epo',
    "no UTF-8": b'{"schema": "\xff"}',
    "zeros": bytes(30),
    "empty": b"",
    "a number": b"3",
    "a list": b"[1, 2]",
    "null": b"null",
    "no record": b'{"kind": "epoch"}',
    "deep": b"[" * 100_000,
    "kind is a list": b'{"kind": []}',
    "not a number": json_line(record()).strip().replace('"train_loss": 3', '"train_loss": NaN').encode(),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_line_in_the_middle_is_named(written, damage):
    lines = written.read_bytes().splitlines()
    lines[1] = damage
    written.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(RecordError) as caught:
        read(written)
    assert str(written) in str(caught.value)
    assert "line 2" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert "object has no attribute" not in str(caught.value)


def test_pandas_reads_a_file(written):
    frame = pandas.read_json(written, lines=True)
    assert list(frame["kind"]) == ["run", "epoch", "epoch", "summary"]
    epochs = frame[frame["kind"] == "epoch"]
    assert list(epochs["train_loss"]) == [1.0, 0.5]
    assert frame["config"][0] == {"placement": "crB-cr-dr"}


@pytest.mark.parametrize("status", ["done", "diverged"])
def test_the_summary_of_a_run_that_ended_is_found(path, status):
    for item in whole_run(status):
        append(path, item)
    assert find_summary(path) == whole_run(status)[-1]


def test_without_a_summary_nothing_is_found(path, tmp_path):
    assert find_summary(tmp_path / "absent" / "metrics.jsonl") is None
    for item in whole_run("interrupted"):
        append(path, item)
    assert find_summary(path) is None


def test_a_torn_summary_is_not_found(written):
    written.write_bytes(written.read_bytes()[:-2])
    with pytest.warns(TornLine):
        assert find_summary(written) is None


def test_the_readme_tells_of_every_field():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for fields in records.SCHEMA.values():
        for name, (_, meaning) in fields.items():
            assert f"| `{name}` | {meaning} |" in readme


def test_a_full_disk_is_told_with_the_file_and_leaves_no_half_line(tmp_path, monkeypatch):
    path = tmp_path / records.FILE_NAME
    path.write_bytes(b"before\n")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(records.os, "fsync", full)
    with pytest.raises(OSError, match=records.FILE_NAME):
        append(path, {"kind": "x"})
    assert path.read_bytes() == b"before\n"
