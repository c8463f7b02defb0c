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
from bnjax.probes import PROBES
from bnjax.records import (
    SCHEMA,
    RecordError,
    append,
    find_summary,
    json_line,
    make_record,
    read,
    read_sound,
    validate,
)

RUN_ID = "0123456789ab"
_EXAMPLES = {dict: {}, int: 3, str: "done", float: 0.5, type(None): None}
#: What another field than the first of its type has to hold.
_OWN = {
    "data": {"name": "digits", "version": "1", "encoding": "png"},
    "versions": {"jax": "1", "flax": "2"},
    "device": {"kind": "cpu", "count": 1},
    **dict.fromkeys((name for name in SCHEMA["epoch"] if "_accuracy" in name), 0.5),
    "train_batch_accuracy": {"lowest": 0.25, "median": 0.5, "perfect": 0.0},
}


def record(kind="epoch", **changes):
    """A valid record; most fields have the first type that the schema allows."""
    fields = {name: _OWN.get(name, _EXAMPLES[types[0]]) for name, (types, _) in SCHEMA[kind].items()}
    fields |= {"status": "ok"} if kind == "epoch" else {}
    fields.update(changes)
    common = {"schema", "kind", "run_id"}
    return make_record(kind, RUN_ID, **{name: value for name, value in fields.items() if name not in common})


def whole_run(status="done", epochs=2):
    middle = [record(epoch=number, train_loss=1 / number) for number in range(1, epochs + 1)]
    return [
        record("run", config={"placement": "crB-cr-dr"}),
        *middle,
        record("summary", status=status, epochs=epochs),
    ]


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


_losses = st.floats(0, 1e300) | st.sampled_from([math.nan, math.inf, -math.inf, None])
_accuracies = st.floats(0, 1) | st.sampled_from([math.nan, None])


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9)), _losses, _accuracies)
def test_one_record_is_one_line_of_strict_json(config, loss, accuracy):
    for item in (
        record("run", config=config),
        record(test_loss=loss, test_accuracy=accuracy, status="diverged"),
    ):
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
    append(path, record(status="diverged", train_loss=number, validation_loss=number))
    [item] = read(path)
    assert item["train_loss"] is None
    assert item["validation_loss"] is None


def test_numbers_in_lists_become_null_too(path):
    data = {**_OWN["data"], "mean": [1.5, math.nan], "size": (2, math.inf)}
    append(path, record("run", data=data))
    assert read(path)[0]["data"] == {**_OWN["data"], "mean": [1.5, None], "size": [2, None]}


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
            *(f"{part}_{metric}_fresh" for part in ("validation", "test") for metric in ("loss", "accuracy")),
            *PROBES.keys() - {"dying"},
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


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_torn_last_line_is_left_out_and_told(written, kept):
    lines = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(lines[:-1]) + lines[-1][:kept])
    reading = read_sound(written)
    assert reading.records == read(written) == whole_run()[:-1]
    assert reading.notices == [f"{written}: the last line is torn and left out"]


@pytest.mark.parametrize("ends", ["no line end", "blank lines", "spaces", "CR", "CRLF", "a BOM"])
def test_whole_lines_count_whatever_is_around_them(written, ends):
    lines = written.read_bytes().splitlines()
    content = {
        "no line end": b"\n".join(lines),
        "blank lines": b"\n\n".join(lines) + b"\n\n \t\n",
        "spaces": b"  \n".join(lines) + b"   ",
        "CR": b"\r".join(lines) + b"\r",
        "CRLF": b"\r\n".join(lines) + b"\r\n",
        "a BOM": b"\xef\xbb\xbf" + b"\n".join(lines) + b"\n",
    }
    written.write_bytes(content[ends])
    assert read(written) == whole_run()
    assert read_sound(written).notices == []
    assert find_summary(written) == whole_run()[-1]


def test_another_encoding_is_told_in_one_line(written):
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        written.write_bytes("".join(map(json_line, whole_run())).encode(encoding))
        with pytest.raises(RecordError, match=r"metrics\.jsonl, line 1: not UTF-8"):
            read(written)


def test_a_field_of_a_later_version_is_ignored_and_told_once(path):
    for item in whole_run():
        site = {"silent": 0, "flat": 0, "units": 4, "active": 0.5, "asleep": 1}
        later = {"dying": {"a": site, "b": site}} if item["kind"] == "epoch" else {}
        append(path, {**item, **later, "colour": "red"})
    reading = read_sound(path)
    assert not reading.bad
    assert [record["colour"] for record in reading.records] == ["red"] * 4
    assert [line.partition(": ")[2].split("'")[1] for line in reading.notices] == [
        "run.colour",
        "epoch.colour",
        "epoch.dying.asleep",
        "summary.colour",
    ]
    assert find_summary(path)["status"] == "done"


WRONG = {
    "test_accuracy": (97.5, "epoch record: test_accuracy is 97.5, outside 0 to 1"),
    "test_loss": (None, "epoch record: test_loss is null and status ok"),
    "epoch": (0, "epoch record: epoch is 0, not 1 or more"),
    "seconds": (-1, "epoch record: seconds is -1, not 0 or more"),
    "status": ("great", "epoch record: status is 'great', not one of ok, diverged"),
    "dying": ({"fc/dense1": "many"}, r"epoch record: dying\.fc/dense1 is 'many', not an object"),
    "dying ": ({"fc": {"silent": 5, "flat": 0, "units": 4, "active": 0}}, "dying.fc.silent is 5 of 4 units"),
    "train_batch_accuracy": ({"lowest": 1}, "train_batch_accuracy lacks median, perfect"),
}


@pytest.mark.parametrize("name", WRONG)
def test_values_out_of_range_are_refused(name):
    value, told = WRONG[name]
    with pytest.raises(RecordError, match=told):
        validate({**record(), name.strip(): value})


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("data", {}, "run record: data lacks encoding, name, version"),
        ("device", {"kind": "cpu", "count": "2"}, r"device\.count is '2', not an integer"),
        ("sites", {"fc": "behind"}, r"sites\.fc is 'behind', not one of absent, before, after"),
        ("data", _OWN["data"] | {"image_shape": [28, 28]}, "not height, width and channels"),
        ("parameters", 10**400, r"parameters is 10{40,}\.\.\., too large"),
    ],
)
def test_objects_within_a_run_record_are_checked(name, value, told):
    with pytest.raises(RecordError, match=told) as caught:
        validate({**record("run"), name: value})
    assert len(str(caught.value)) < 200


def disordered(found):
    """What may befall a run's lines -> the lines, and what is said of them."""
    run, first, second, summary = found
    other = {**second, "run_id": "f" * 12}
    return {
        "twice": ([run, first, {**first, "train_loss": 9}, second, summary], "line 3: epoch 1 where epoch 2"),
        "reversed": ([run, second, first, summary], "line 2: epoch 2 where epoch 1"),
        "appended": ([*found, *found], "line 5: a record of kind run behind the summary"),
        "negative": ([run, {**first, "epoch": -1}, second, summary], "line 2: epoch record: epoch is -1"),
        "one missing": ([run, second, summary], "line 2: epoch 2 where epoch 1"),
        "the last missing": ([run, first, summary], "line 3: the summary counts 2 epochs, and there are 1"),
        "another run's": ([run, first, other, summary], f"line 3: a record of run '{'f' * 12}' among"),
        "no run": ([first, second, summary], "line 1: the first record is of kind epoch"),
    }


@pytest.mark.parametrize("what", disordered(whole_run()))
def test_records_that_are_no_sequence_are_named(path, what):
    found, told = disordered(whole_run())[what]
    path.write_text("".join(map(json_line, found)))
    with pytest.raises(RecordError, match=told):
        find_summary(path)


def test_a_run_that_was_resumed_is_a_sequence(path):
    run, first, second, summary = whole_run()
    path.write_text("".join(map(json_line, [run, run, first, run, second, summary])))
    assert find_summary(path) == summary


def test_a_field_that_is_there_twice_is_refused(path):
    path.write_text(json_line(record()).replace("{", '{"train_loss": 7, ', 1))
    with pytest.raises(RecordError, match="line 1: field 'train_loss' is there twice"):
        read(path)


def test_a_file_of_one_torn_line_is_empty(path):
    path.write_bytes(b'{"schema": 1, "kind')
    assert read(path) == []
    assert len(read_sound(path).notices) == 1


def test_an_empty_file_has_no_records(path):
    path.touch()
    assert read(path) == []


DAMAGED = {
    "no JSON": b'{"schema": 1, "kind": "epo',
    "no UTF-8": b'{"schema": "\xff"}',
    "zeros": bytes(30),
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
    frame = pandas.read_json(written, lines=True, dtype={"run_id": str})
    assert list(frame["kind"]) == ["run", "epoch", "epoch", "summary"]
    epochs = frame[frame["kind"] == "epoch"]
    assert list(epochs["train_loss"]) == [1.0, 0.5]
    assert frame["config"][0] == {"placement": "crB-cr-dr"}


@pytest.mark.parametrize("run_id", ["026392563122", "12345e678901", "569d7f4ccf55"])
def test_the_readmes_line_for_pandas_keeps_ids(path, run_id, monkeypatch):
    folder = path.parent / "runs" / "569d7f4ccf55"
    folder.mkdir(parents=True)
    for item in whole_run():
        append(folder / records.FILE_NAME, {**item, "run_id": run_id})
    readme = (Path(__file__).parents[1] / "bnjax/report/README.md").read_text(encoding="utf-8")
    [line] = [line.partition("= ")[2] for line in readme.splitlines() if "pandas.read_json(" in line]
    monkeypatch.chdir(path.parent)
    assert list(eval(line, {"pandas": pandas})["run_id"]) == [run_id] * 4


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
    written.write_bytes(written.read_bytes()[:-3])
    told = []
    assert find_summary(written, told.append) is None
    assert told == [f"{written}: the last line is torn and left out"]


def test_the_readme_tells_of_every_field():
    readme = (Path(__file__).parents[1] / "bnjax/report/README.md").read_text(encoding="utf-8")
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
