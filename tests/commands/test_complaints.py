"""A wrong command line gets one line that names the value and what would be accepted."""

import pytest
from typed_commands import command_of, complaint_of


def test_what_a_sweep_varies_cannot_be_given(capsys):
    with pytest.raises(SystemExit) as caught:
        command_of("--sweep=batch-sizes", "--batch_size=7", experiment="mnist")
    assert caught.value.code == 2
    assert "--batch_size=7: --sweep=batch-sizes gives that itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--sweep=everything"], ("--sweep=everything", "conditions")),
        (["--sweep=condition"], ("did you mean conditions?",)),
        (["--vary=placement=none,all"], ("'none' stands alone", "--vary compares 'none|all'")),
        (["--seeds=0"], ("--seeds=0", "[1,1000000]")),
        (["--seed=4294967295", "--seeds=2"], ("--seed=4294967296",)),
        (["--jobs=-1"], ("--jobs=-1", "[0,1024]")),
        (["--lanes=0"], ("--lanes=0", "auto", "1 to 4096")),
        (["--lanes=many"], ("--lanes=many", "auto")),
        (["--vary=dropout=0|2"], ("--dropout=2.0", "[0,1)")),
        (["--vary=placement=cnov"], ("'cnov'", "did you mean 'conv'?")),
        (["--vary=dropout=0|0.4", "--dropout=0.2"], ("--dropout=0.2", "--vary=dropout=0|0.4 gives that")),
        (["--movie=a.avi"], ("--movie=a.avi", ".gif, .webp, .mp4")),
        (["--movie=no such folder/a.gif"], ("no such folder",)),
        (["--weight_movie=a.gif", "--seeds=2"], ("--weight_movie=a.gif", "one run", "2")),
    ],
)
def test_options_that_cannot_be_are_answered_with_one_line(flags, words, capsys):
    line = complaint_of(capsys, *flags)
    assert [word for word in words if word not in line] == []


COMPLAINTS = {
    ("--epoch=3",): ["--epoch;", "did you mean --epochs?"],
    ("--batchsize=3",): ["--batchsize;", "did you mean --batch_size?"],
    ("--lr=3",): ["--lr;", "did you mean --learning_rate?"],
    ("--nooverwrit",): ["--nooverwrit;", "did you mean --overwrite?"],
    ("--zzz",): ["there is no flag --zzz ("],
    ("--help=everything",): ["--help=everything", "network, data, training", "all"],
    ("--vary=model=cnn|mpl",): ["--model=mpl", "did you mean mlp?"],
    ("--vary=dropot=0|0.5",): ["'dropot'", "did you mean dropout?"],
    ("--epochs=abc",): ["--epochs", "abc"],
    ("--epochs=2.5",): ["--epochs", "'2.5' is not a whole number; write one such as 10"],
    ("--epochs=1e3",): ["--epochs", "'1e3' is not a whole number; write 1000"],
    ("--seeds=1,000",): ["--seeds", "'1,000' is not a whole number; write 1000"],
    ("--dropout=0,4",): ["--dropout", "'0,4' is not a number; write 0.4"],
    ("--dropout=40%",): ["--dropout", "'40%' is not a number; write 0.4"],
    ("--dropout=half",): ["--dropout", "'half' is not a number; write one such as 0.4"],
    ("--vary=dropout=0|0,4",): ["--vary=dropout=0|0,4", "'0,4' is not a number; write 0.4"],
    ("--norm_epsilon=1e-300",): ["--norm_epsilon=1e-300", "0 in float32"],
    ("--epochs",): ["epochs"],
    ("--epochs=0",): ["--epochs=0", "[1,1000000]"],
    ("--learning_rate=-1",): ["--learning_rate=-1.0", "[0,inf)"],
    ("--learning_rate=1e999",): ["--learning_rate=inf", "[0,inf)"],
    ("--learning_rate=nan",): ["--learning_rate=nan"],
    ("--dropout=1",): ["--dropout=1.0", "[0,1)"],
    ("--seed=-1",): ["--seed=-1"],
    ("--width=99999999999999999999999999",): ["--width", "[1,65536]"],
    ("--width=" + "9" * 5000,): ["--width"],
    ("--model=vgg",): ["--model=vgg", "cnn, mlp, vgg7, resnet, vit, mobilenetv2, inceptionv3"],
    ("--recipe=publish",): ["--recipe=publish", "published, controlled"],
    ("--recipe=",): ["--recipe=", "published, controlled"],
    ("--placement=cnov",): ["'cnov'", "entry 1", "did you mean 'conv'?", "cr-cr-dr"],
    ("--placement=conv,fc:befor",): ["'befor'", "entry 2", "absent, before, after"],
    ("--placement=crcr-crcr-drdr",): ["'crcr-crcr-drdr'", "'cr-cr-dr'"],
    ("--placement=",): ["--placement", "empty"],
    ("--dataset=",): ["--dataset", "empty"],
    ("--dataset=folder:",): ["--dataset=folder:", "folder:PATH"],
    ("--dataset=folders:x",): ["--dataset=folders:x", "folder:PATH"],
    ("--image_size=3",): ["--image_size=3", "[4,1024]"],
    ("--bad_images=ignore",): ["--bad_images=ignore", "stop, skip"],
    ("--dataset=a\nb", "--model=c\nd"): ["--model"],
    ("--overwrite=maybe",): ["--overwrite", "maybe"],
    ("positional",): ["'positional'", "--name=value"],
    ("--seed=1", "--", "--epochs=1"): ["'--epochs=1'"],
    ("--flagfile=/nonexistent/flags",): ["/nonexistent/flags"],
}


@pytest.mark.parametrize(("arguments", "parts"), COMPLAINTS.items(), ids=lambda value: " ".join(value)[:40])
def test_a_wrong_command_line_is_answered_with_one_line(arguments, parts, capsys):
    line = complaint_of(capsys, *arguments)
    assert [part for part in parts if part not in line] == []


def test_a_complaint_names_a_default_only_where_nothing_was_given(capsys):
    assert "default" not in complaint_of(capsys, "--dropout=2")


def test_a_complaint_is_no_python_value(capsys):
    assert "('" not in complaint_of(capsys, "--overwrite=maybe")


def test_a_flagfile_that_is_no_text_is_answered_with_one_line(capsys, tmp_path):
    flagfile = tmp_path / "flags"
    flagfile.write_bytes(b"--seed=\xff\xd0\n")
    assert str(flagfile) in complaint_of(capsys, f"--flagfile={flagfile}")
