"""Sets that TensorFlow Datasets prepared, read without it."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from image_sets import SHAPE, assert_equal_sets, never, one_line, random_set
from PIL import Image

from bnjax.data import (
    DataError,
    ImageSet,
    eval_batches,
    load_dataset,
)
from bnjax.data.sources import prepared
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.train.programs.stepping import train_order

pytestmark = pytest.mark.usefixtures("own_cache")

_FEATURES = "tensorflow_datasets.core.features."


def encoded(image, file_format):
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, file_format)
    return buffer.getvalue()


def write_shard(path, part, file_format):
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.proto import tf_example_pb2

    writer = ArrayRecordWriter(str(path), "group_size:1")
    for image, label in zip(part.images, part.labels, strict=True):
        example = tf_example_pb2.Example()
        example.features.feature["image"].bytes_list.value.append(encoded(image, file_format))
        example.features.feature["label"].int64_list.value.append(int(label))
        writer.write(example.SerializeToString())
    writer.close()


def features_json(shape, classes):
    dimensions = [str(size) for size in shape]
    label = {
        "pythonClassName": f"{_FEATURES}class_label_feature.ClassLabel",
        "classLabel": {"numClasses": str(classes)},
    }
    image = {
        "pythonClassName": f"{_FEATURES}image_feature.Image",
        "image": {"shape": {"dimensions": dimensions}, "dtype": "uint8"},
    }
    return {
        "pythonClassName": f"{_FEATURES}features_dict.FeaturesDict",
        "featuresDict": {"features": {"image": image, "label": label}},
    }


def write_prepared(folder, splits, classes=10, file_format="PNG"):
    """A set in TFDS's own layout; ``splits`` has a list of shards for each split."""
    folder.mkdir(parents=True)
    name = folder.parent.name
    infos = []
    for split, shards in splits.items():
        for number, part in enumerate(shards):
            shard = f"{name}-{split}.array_record-{number:05}-of-{len(shards):05}"
            write_shard(folder / shard, part, file_format)
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        lengths = [str(len(part)) for part in shards]
        infos.append({"name": split, "shardLengths": lengths, "numBytes": "1", "filepathTemplate": template})
    info = {"name": name, "version": folder.name, "fileFormat": "array_record", "splits": infos}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    shape = next(iter(splits.values()))[0].images.shape[1:]
    (folder / "features.json").write_text(json.dumps(features_json(shape, classes)))
    return folder


TRAIN = random_set(45, SHAPE, seed=2)


TEST = random_set(5, SHAPE, seed=3)


@pytest.fixture
def data_dir(tmp_path):
    """Holds one small set, ``toy``, whose training images lie in two files."""
    write_prepared(tmp_path / "tfds" / "toy" / "1.0.0", {"train": [TRAIN[:25], TRAIN[25:]], "test": [TEST]})
    return tmp_path / "tfds"


@pytest.fixture
def toy(data_dir):
    return data_dir / "toy" / "1.0.0"


def load_toy(data_dir, name="toy"):
    return load_dataset(Config(dataset=name, data_dir=str(data_dir)), SHAPE)


def test_a_prepared_set_is_read_whole_and_in_order(data_dir):
    dataset = load_toy(data_dir)
    np.testing.assert_array_equal(dataset.train.images, TRAIN.images)
    np.testing.assert_array_equal(dataset.train.labels, TRAIN.labels)
    np.testing.assert_array_equal(dataset.test.images, TEST.images)
    np.testing.assert_array_equal(dataset.test.labels, TEST.labels)
    assert (dataset.train.images.dtype, dataset.train.labels.dtype) == (np.uint8, np.int32)
    assert dataset.num_classes == 10
    assert dataset.facts == {
        "name": "toy",
        "version": "1.0.0",
        "source": "tfds array_record",
        "encoding": "png",
        "test_split": "test",
        "test_images_in_training": 0,
        "image_shape": [32, 32, 3],
        "adaptation": "none",
        "classes": 10,
        "train_images": 45,
        "validation_images": 0,
        "test_images": 5,
    }


def test_a_prepared_set_is_decoded_once(data_dir, toy, monkeypatch):
    first = load_toy(data_dir)
    with monkeypatch.context() as patch:
        patch.setattr(prepared, "_read", lambda *_: never())
        assert_equal_sets(load_toy(data_dir), first)
    for file in toy.glob("*-test.array_record*"):
        file.unlink()
        write_shard(file, TRAIN[:5], "PNG")
    np.testing.assert_array_equal(load_toy(data_dir).test.images, TRAIN.images[:5])


def test_a_prepared_set_is_read_without_tensorflow(data_dir):
    code = (
        "import sys; from bnjax.settings.config import Config; from bnjax.data import load_dataset;"
        f"load_dataset(Config(dataset='toy', data_dir={str(data_dir)!r}), (32, 32, 3));"
        "print({'tensorflow', 'jax'} & set(sys.modules), 'tensorflow_datasets' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["set()", "True"]


def test_jpeg_is_told_to_be_lossy(tmp_path):
    write_prepared(
        tmp_path / "d" / "toy" / "1.0.0", {"train": [TRAIN[:3]], "test": [TEST]}, file_format="JPEG"
    )
    dataset = load_toy(tmp_path / "d")
    assert dataset.facts["encoding"] == "jpeg (lossy)"
    assert not np.array_equal(dataset.test.images, TEST.images)


def test_gray_images_have_one_channel(tmp_path):
    part = random_set(4, (9, 7, 1))
    write_prepared(tmp_path / "d" / "gray" / "2.1.0", {"train": [part], "test": [part[:2]]})
    np.testing.assert_array_equal(load_toy(tmp_path / "d", "gray").train.images, part.images)


def test_validation_stands_in_for_test(tmp_path):
    splits = {"train": [TRAIN[:3]], "validation": [TEST]}
    write_prepared(tmp_path / "d" / "toy" / "1.0.0", splits)
    dataset = load_toy(tmp_path / "d")
    assert dataset.facts["test_split"] == "validation"
    np.testing.assert_array_equal(dataset.test.images, TEST.images)


def test_the_newest_version_is_read_unless_one_is_named(tmp_path):
    for number, version in enumerate(("1.9.0", "1.10.0", "1.2.0"), start=1):
        splits = {"train": [TRAIN[:number]], "test": [TEST]}
        write_prepared(tmp_path / "d" / "toy" / version, splits)
    assert load_toy(tmp_path / "d").facts["version"] == "1.10.0"
    assert load_toy(tmp_path / "d", "toy:1.2.0").facts["train_images"] == 3


def test_a_config_of_a_set_is_read_by_its_path(tmp_path):
    write_prepared(tmp_path / "d" / "toy" / "letters" / "1.0.0", {"train": [TRAIN[:3]], "test": [TEST]})
    assert load_toy(tmp_path / "d", "toy/letters").facts["train_images"] == 3


def test_tfds_data_dir_and_home_are_where_data_is_looked_for(data_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    assert load_toy("").facts["name"] == "toy"
    monkeypatch.delenv("TFDS_DATA_DIR")
    (tmp_path / "home").mkdir()
    data_dir.rename(tmp_path / "home" / "tensorflow_datasets")
    assert load_toy("").facts["name"] == "toy"
    assert load_toy("~/tensorflow_datasets").facts["name"] == "toy"


def shard_of(folder, split="train"):
    return sorted(folder.glob(f"*-{split}.array_record*"))[0]


def change_json(file, **changes):
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def flip_byte(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0x10
    file.write_bytes(data)


def rewrite(folder, part, split="test"):
    shard = shard_of(folder, split)
    shard.unlink()
    write_shard(shard, part, "PNG")


def change_image_shape(folder, *dimensions):
    features = features_json(dimensions, 10)
    (folder / "features.json").write_text(json.dumps(features))


def drop_label(folder):
    features = features_json(SHAPE, 10)
    del features["featuresDict"]["features"]["label"]
    (folder / "features.json").write_text(json.dumps(features))


DAMAGES = {
    "truncated": (lambda f: os.truncate(shard_of(f), 30_000), ["damaged"]),
    "truncated by a byte": (lambda f: os.truncate(shard_of(f), shard_of(f).stat().st_size - 1), ["damaged"]),
    "emptied": (lambda f: os.truncate(shard_of(f), 0), ["damaged"]),
    "flipped byte": (lambda f: flip_byte(shard_of(f)), ["damaged"]),
    "a shard is lost": (lambda f: shard_of(f).unlink(), ["prepare"]),
    "a split is lost": (lambda f: shard_of(f, "test").unlink(), ["prepare"]),
    "all shards are lost": (
        lambda f: [file.unlink() for file in f.glob("*.array_record*")],
        ["holds no array_record files", "file_format='array_record'"],
    ),
    "tfrecord": (
        lambda f: change_json(f / "dataset_info.json", fileFormat="tfrecord"),
        ["TFRECORD", "tfds.builder('toy'", "file_format='array_record'"],
    ),
    "a format that is no text": (lambda f: change_json(f / "dataset_info.json", fileFormat=3), ["prepare"]),
    "a format that is null": (lambda f: change_json(f / "dataset_info.json", fileFormat=None), ["prepare"]),
    "info is cut": (lambda f: os.truncate(f / "dataset_info.json", 20), ["dataset_info.json", "damaged"]),
    "info is a list": (
        lambda f: (f / "dataset_info.json").write_text("[]"),
        ["dataset_info.json", "damaged"],
    ),
    "info is no UTF-8": (lambda f: (f / "dataset_info.json").write_bytes(b"\xff\n"), ["damaged"]),
    "features are lost": (lambda f: (f / "features.json").unlink(), ["damaged"]),
    "features are cut": (lambda f: os.truncate(f / "features.json", 20), ["damaged"]),
    "other image size": (
        lambda f: change_image_shape(f, 16, 16, 3),
        ["image 0 of train cannot be read as an image", "prepare the set anew"],
    ),
    "no label": (drop_label, ["not image classification", "image"]),
    "wrong label": (lambda f: rewrite(f, ImageSet(TEST.images, TEST.labels + 10)), ["labels outside 0..9"]),
    "fewer examples than told": (lambda f: rewrite(f, TEST[:2]), ["damaged"]),
    "more examples than told": (lambda f: rewrite(f, TRAIN[:9]), ["damaged"]),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_set_is_answered_with_one_line(data_dir, toy, damage, words):
    damage(toy)
    with pytest.raises(DataError) as caught:
        load_toy(data_dir)
    message = one_line(caught)
    assert str(toy) in message
    assert [word for word in words if word not in message] == []


def test_images_of_several_sizes_or_larger_ones_become_squares(data_dir, toy):
    """As those of a folder."""
    stored = load_toy(data_dir).train.images

    def load_scaled(side):
        config = Config(dataset="toy", data_dir=str(data_dir), image_size=side)
        return load_dataset(config, SHAPE)

    smaller = load_scaled(16)
    assert smaller.train.images.shape == (45, 16, 16, 3)
    expected = Image.fromarray(stored[7]).resize((16, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(smaller.train.images[7], np.asarray(expected))
    assert "16x16" in smaller.facts["adaptation"]
    change_image_shape(toy, -1, -1, 3)
    np.testing.assert_array_equal(load_scaled(32).train.images, stored)
    assert load_scaled(40).train.images.shape == (45, 40, 40, 3)


@pytest.mark.parametrize("side", [16, 32, 40])
def test_a_prepared_set_is_streamed_as_it_is_in_memory(side, data_dir):
    memory, stream = (
        load_dataset(Config(dataset="toy", data_dir=str(data_dir), image_size=side, stream=stream), SHAPE)
        for stream in ("never", "always")
    )
    assert not isinstance(stream.train, ImageSet)
    for ours, theirs in ((stream.train, memory.train), (stream.test, memory.test)):
        assert ours.image_shape == theirs.image_shape
        for batch, other in zip(eval_batches(ours, 4), eval_batches(theirs, 4), strict=True):
            np.testing.assert_array_equal(batch.images, other.images)
            np.testing.assert_array_equal(batch.labels, other.labels)


def test_a_stream_that_does_not_know_its_classes_cannot_be_sorted_by_them(data_dir, toy):
    settings = Config(dataset="toy", data_dir=str(data_dir), stream="always", batches="sorted", batch_size=2)
    with pytest.raises(DataError, match=r"--batches=sorted: the classes of toy .*--stream=never") as caught:
        train_order(settings, load_dataset(settings, SHAPE).train)
    one_line(caught)


def test_a_wrong_label_ends_a_stream_as_it_does_in_memory(data_dir, toy):
    rewrite(toy, ImageSet(TEST.images, TEST.labels + 10))
    dataset = load_dataset(Config(dataset="toy", data_dir=str(data_dir), stream="always"), SHAPE)
    with pytest.raises(DataError, match=r"labels outside 0\.\.9"):
        list(eval_batches(dataset.test, 5))


def test_a_set_that_was_refused_is_not_cached(data_dir, toy):
    sound = shard_of(toy).read_bytes()
    flip_byte(shard_of(toy))
    for _ in range(2):
        with pytest.raises(DataError):
            load_toy(data_dir)
    shard_of(toy).write_bytes(sound)
    np.testing.assert_array_equal(load_toy(data_dir).train.images, TRAIN.images)


def test_a_set_without_test_images_is_refused(tmp_path):
    write_prepared(tmp_path / "d" / "toy" / "1.0.0", {"train": [TRAIN[:3]], "unlabeled": [TEST]})
    with pytest.raises(DataError, match="splits train, unlabeled"):
        load_toy(tmp_path / "d")


@pytest.mark.parametrize("name", ["cifar10", "mnist", "svhn_cropped", "toy:9.9.9"])
def test_absent_data_is_answered_with_what_to_do(name, data_dir):
    with pytest.raises(DataError) as caught:
        load_toy(data_dir, name)
    message = one_line(caught)
    assert repr(name) in message
    assert str(data_dir) in message
    assert "--data_dir" in message
    assert "--dataset=digits" in message


def test_an_absent_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="--dataset=digits") as caught:
        load_toy(tmp_path / "nowhere", "cifar10")
    assert f"{tmp_path / 'nowhere'} does not exist" in one_line(caught)


@pytest.mark.parametrize(
    "name", ["/etc", ":1.0.0", ".", "..", "*", "**", "t?y", "toy:*", "../tfds/toy", "a\nb"]
)
def test_a_name_is_no_path_and_no_pattern(name, data_dir):
    with pytest.raises((ConfigError, DataError)) as caught:
        load_toy(data_dir, name)
    assert "--dataset" in one_line(caught)


def test_how_to_prepare_a_config_of_a_set_names_it_whole(tmp_path):
    folder = write_prepared(
        tmp_path / "d" / "toy" / "letters" / "1.0.0", {"train": [TRAIN[:3]], "test": [TEST]}
    )
    change_json(folder / "dataset_info.json", fileFormat="tfrecord")
    with pytest.raises(DataError) as caught:
        load_toy(tmp_path / "d", "toy/letters")
    assert f"tfds.builder('toy/letters', data_dir='{tmp_path / 'd'}'" in one_line(caught)
