"""Streams of images: the same batches as from memory, wherever they start and whoever decodes them."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnjax.data import DataError, ImageSet, eval_batches, input_scaling, load_dataset, train_batches
from bnjax.data.batches import EvalOrder, SpreadOrder, TrainOrder, spread_batches
from bnjax.data.picture import CENTRE, Crop, decode_picture
from bnjax.data.stream import ImageStream, ReadingOptions
from bnjax.settings.config import Config
from bnjax.train.programs.stepping import train_order

SIDE = 8
COUNT = 9


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache for each test."""
    monkeypatch.setenv("BNJAX_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of nine training and three test images in PNG, of several sizes."""
    root, random = tmp_path_factory.mktemp("streams") / "photos", np.random.default_rng(0)
    for split, count in (("train", COUNT), ("test", 3)):
        for name, number in itertools.product(("cat", "dog"), range(count)):
            path = root / split / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = (*random.integers(10, 30, 2), 3)
            Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(path)
    return root


def load(root, **settings):
    return load_dataset(Config(dataset=f"folder:{root}", image_size=SIDE, **settings), (32, 32, 3))


def assert_same_batches(ours, others):
    ours, others = list(ours), list(others)
    assert len(ours) == len(others)
    for batch, other in zip(ours, others, strict=True):
        for part, expected in zip(batch, other, strict=True):
            assert part.dtype == expected.dtype
            np.testing.assert_array_equal(part, expected)


def batches_of(part, size, shuffle, seed, epoch):
    return train_batches(part, TrainOrder(len(part), size, shuffle, seed), epoch)


@pytest.mark.parametrize("shuffle", ["none", "epoch"])
def test_a_stream_has_the_batches_of_memory(shuffle, photos):
    memory, stream = load(photos), load(photos, stream="always")
    assert isinstance(stream.train, ImageStream)
    assert (len(stream.train), stream.train.image_shape) == (2 * COUNT, (SIDE, SIDE, 3))
    for epoch in (1, 2):
        epochs = [batches_of(part.train, 4, shuffle, 3, epoch) for part in (stream, memory)]
        assert_same_batches(*epochs)
        assert_same_batches(*[eval_batches(part.test, 4) for part in (stream, memory)])


def test_images_spread_over_a_stream_are_those_of_memory(photos):
    ours, theirs = (load(photos, stream=stream, validation=0.2).train for stream in ("always", "never"))
    order = SpreadOrder(len(theirs), 6, 3, seed=0)
    for epoch in (1, 2, 1):
        assert_same_batches(spread_batches(ours, order, epoch), spread_batches(theirs, order, epoch))


def test_processes_give_the_batches_of_threads(photos):
    """Whatever their number, and whichever batch comes first; random crops too."""
    wanted = [list(batches_of(load(photos, augment="crop_flip").train, 4, "epoch", 0, e)) for e in (1, 2)]
    crops = load(photos, augment="crop_flip", workers=2).train
    for epoch in (1, 2):
        assert_same_batches(batches_of(crops, 4, "epoch", 0, epoch), wanted[epoch - 1])


def test_a_folder_tells_classes_before_it_is_read(photos):
    settings = Config(batches="sorted", batch_size=4, shuffle="epoch")
    stream, memory = (load(photos, stream=how).train for how in ("always", "never"))
    part = np.arange(3, 17)
    order = train_order(settings, stream[part])
    assert order == train_order(settings, memory[part])
    batches = list(train_batches(stream[part], order, 1))
    assert_same_batches(batches, train_batches(memory[part], order, 1))
    assert sorted(len(set(batch.labels.tolist())) for batch in batches) in ([1, 1, 1], [1, 1, 2])


def test_a_stream_goes_on_anywhere(photos):
    """A position is the number of a batch: what was trained on needs not be read again."""
    order = TrainOrder(2 * COUNT, 4, "epoch", 0)
    whole = [part.images for part in load(photos, augment="crop_flip").train.batches(order, 0, 8)]
    later = load(photos, augment="crop_flip").train.batches(order, 5, 3)
    np.testing.assert_array_equal([part.images for part in later], whole[5:])


def test_a_later_epoch_goes_on_with_what_was_read_ahead(photos, monkeypatch):
    opened = []
    original = ImageStream._opened
    monkeypatch.setattr(ImageStream, "_opened", lambda *args: opened.append(args[2]) or original(*args))
    dataset = load(photos, stream="always")
    for epoch in (1, 2, 3, 2):
        list(batches_of(dataset.train, 4, "epoch", 0, epoch))
        list(eval_batches(dataset.test, 4))
    assert opened == [0, 0, 4]  # the last epoch 2 alone starts anew; the test images never do


def test_crops_depend_on_seed_epoch_and_image(photos):
    stream = load(photos, augment="crop_flip").train
    seen = {
        (seed, epoch): next(batches_of(stream, 18, "none", seed, epoch)).images
        for seed in (0, 1)
        for epoch in (1, 2)
    }
    for one, other in itertools.combinations(seen.values(), 2):
        assert (one != other).any(axis=(1, 2, 3)).mean() > 0.8
    np.testing.assert_array_equal(seen[0, 1], next(batches_of(stream, 18, "none", 0, 1)).images)


def test_evaluation_images_are_never_cropped_at_random(photos):
    cropped, plain = load(photos, augment="crop_flip"), load(photos)
    assert_same_batches(eval_batches(cropped.test, 3), eval_batches(plain.test, 3))
    assert "augmentation" in cropped.facts


def gradient_image(tmp_path):
    """Red grows to the right, green downwards, by one for each of 64 x 32 pixels."""
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(64), np.arange(32)[:, None]
    path = tmp_path / "gradient.png"
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("crop", "red", "green"),
    [
        (CENTRE, (16, 47), (0, 31)),
        (Crop(0.5, 0.0, 0.0, mirrored=False), (0, 15), (0, 15)),
        (Crop(0.5, 1.0, 1.0, mirrored=False), (48, 63), (16, 31)),
        (Crop(0.5, 0.0, 1.0, mirrored=True), (15, 0), (16, 31)),
    ],
)
def test_a_crop_is_the_part_that_it_says(crop, red, green, tmp_path):
    side = round(32 * crop.share)  # as many pixels as it covers: nothing is scaled
    pixels = decode_picture(gradient_image(tmp_path), side, crop).pixels
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == red
    assert (pixels[0, 0, 1], pixels[-1, 0, 1]) == green


def test_an_unreadable_image_ends_the_stream_with_its_name(photos, tmp_path):
    root = tmp_path / "photos"
    root.mkdir()
    for path in photos.rglob("*.png"):
        copy = root / path.relative_to(photos)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    bad = root / "train" / "dog" / "4.png"
    bad.write_bytes(bad.read_bytes()[:100])
    dataset = load(root, stream="always")
    with pytest.raises(DataError, match=r"dog/4\.png cannot be read as an image") as caught:
        list(batches_of(dataset.train, 6, "none", 0, 1))
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(DataError, match="--stream=never"):
        load(root, stream="always", bad_images="skip")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_ends_a_stream(photos, monkeypatch):
    """One that Pillow only warns of, below twice its limit."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 841 * 2 // 3)
    batches = eval_batches(load(photos, stream="always").train, 18)
    with pytest.raises(DataError, match="decompression bomb"):
        next(batches)


@pytest.mark.parametrize(
    ("reading", "size", "streams"),
    [
        (ReadingOptions(), 2**30, False),
        (ReadingOptions(), 5 * 2**30, True),
        (ReadingOptions(augment="crop_flip"), 1, True),
        (ReadingOptions(stream="always"), 1, True),
        (ReadingOptions(stream="never"), 2**40, False),
    ],
)
def test_size_decides_unless_it_is_said(reading, size, streams):
    assert reading.streams(size) == streams


@pytest.mark.parametrize("settings", [{"stream": "always"}, {"augment": "crop_flip"}])
def test_digits_are_not_streamed(settings):
    with pytest.raises(DataError, match="digits is in memory"):
        load_dataset(Config(dataset="digits", **settings), (8, 8, 1))


def test_a_part_of_a_stream_is_that_part(photos):
    memory, stream = load(photos), load(photos, stream="always")
    assert_same_batches(eval_batches(stream.train[3:11], 4), eval_batches(memory.train[3:11], 4))
    held_out = load(photos, stream="always", validation=0.25)
    assert len(held_out.validation) == len(load(photos, validation=0.25).validation)


def test_statistics_of_a_small_stream_are_those_of_memory(photos):
    scalings = [input_scaling("standardize", load(photos, stream=s).train) for s in ("always", "never")]
    assert scalings[0] == scalings[1]


def test_statistics_of_a_large_stream_are_of_images_from_all_over_it(photos, monkeypatch):
    monkeypatch.setattr("bnjax.data.stream._SAMPLE", 4)
    memory, stream = load(photos), load(photos, stream="always")
    np.testing.assert_array_equal(stream.train.sample, memory.train.images[[0, 6, 11, 17]])


@pytest.mark.parametrize(("images", "size"), [(10, 4), (8, 4), (3, 4), (1, 1)])
def test_an_evaluation_order_meets_every_image_once(images, size):
    order = EvalOrder(images, size)
    met = [
        position
        for index in range(order.count)
        for position, weight in zip(order(index).positions, order.weights(index), strict=True)
        if weight
    ]
    assert met == list(range(images))


def test_facts_of_a_stream(photos):
    facts, memory = (load(photos, stream=stream).facts for stream in ("always", "never"))
    assert facts["reading"].startswith("streamed")
    same = ("name", "encoding", "adaptation", "class_names", "train_images", "test_split", "image_shape")
    assert {name: facts[name] for name in same} == {name: memory[name] for name in same}


def test_a_streamed_set_is_no_image_set(photos):
    dataset = load(photos, stream="always")
    assert not isinstance(dataset.train, ImageSet)
    assert dataclasses.replace(dataset).check("photos")
    assert Path(dataset.facts["source"]) == photos
