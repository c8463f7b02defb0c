"""The grammar of placements: lists, codes, canonical text, and what is said about the rest."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bnjax.architectures import ARCHITECTURES
from bnjax.architectures.cnn import CNN_SITES
from bnjax.architectures.mlp import mlp_sites
from bnjax.architectures.mobilenetv2 import MOBILENETV2_SITES
from bnjax.architectures.vgg7 import VGG7_SITES
from bnjax.placement import KINDS, ORDERS, Placement, PlacementError, Site, all_placements, parse_placement
from bnjax.settings.config import Config

VGG7_TEXTS = {
    "none": "crcr-crcr-drdr",
    "all": "cBrcBr-cBrcBr-dBrdBr",
    "conv": "cBrcBr-cBrcBr-drdr",
    "dense": "crcr-crcr-dBrdBr",
    "conv,dense": "cBrcBr-cBrcBr-dBrdBr",
    "block2": "crcr-cBrcBr-drdr",
    "fc": "crcr-crcr-dBrdBr",
    "block1/conv2": "crcBr-crcr-drdr",
    "block1/*": "cBrcBr-crcr-drdr",
    "*/conv1": "cBrcr-cBrcr-drdr",
    "block[12]/conv?": "cBrcBr-cBrcBr-drdr",
    "*1": "cBrcr-cBrcr-dBrdr",
    "all:after": "crBcrB-crBcrB-drBdrB",
    "all:absent": "crcr-crcr-drdr",
    "conv:before,dense:after": "cBrcBr-cBrcBr-drBdrB",
    "block1:after,fc/dense2:before": "crBcrB-crcr-drdBr",
    "conv,block1/conv1:absent": "crcBr-cBrcBr-drdr",
    "all:after,block2:before": "crBcrB-cBrcBr-drBdrB",
    "block2:before,all:after": "crBcrB-crBcrB-drBdrB",
    "conv:before,conv:after,conv:before": "cBrcBr-cBrcBr-drdr",
    "  conv ,\tdense : after ": "cBrcBr-cBrcBr-drBdrB",
    "cBrcr-crcr-drdBr": "cBrcr-crcr-drdBr",
    " crBcr-cBrcr-drdrB\n": "crBcr-cBrcr-drdrB",
}


@pytest.mark.parametrize(("text", "code"), VGG7_TEXTS.items(), ids=repr)
def test_texts_mean_their_codes(text, code):
    assert str(parse_placement(text, VGG7_SITES)) == code


def test_a_code_puts_norms_where_its_letters_stand():
    placement = parse_placement("cBrcr-crcr-drdrB", VGG7_SITES)
    assert placement.as_dict() == {
        "block1/conv1": "before",
        "block1/conv2": "absent",
        "block2/conv1": "absent",
        "block2/conv2": "absent",
        "fc/dense1": "absent",
        "fc/dense2": "after",
    }
    assert placement["fc/dense2"] == "after"
    assert placement.sites == VGG7_SITES


def test_order_applies_to_entries_that_name_none():
    placement = parse_placement("conv,fc:before", CNN_SITES, order="after")
    assert str(placement) == "crB-crB-dBr"


def test_default_order_is_before():
    assert parse_placement("conv", CNN_SITES) == parse_placement("conv", CNN_SITES, order="before")


def test_depthwise_units_have_their_letter():
    sites = (Site("a/1", "conv"), Site("a/2", "depthwise"), Site("b/1", "dense"))
    assert str(parse_placement("depthwise:after,dense", sites)) == "crwrB-dBr"
    assert parse_placement("crwrB-dBr", sites)["a/2"] == "after"


LINEAR_SITES = (Site("a/1", "conv"), Site("a/2", "depthwise"), Site("a/3", "conv", linear=True))


@pytest.mark.parametrize(
    ("text", "code"),
    {
        "none": "crwrc",
        "all": "cBrwBrcB",
        "all:after": "crBwrBcB",
        "conv:after": "crBwrcB",
        "a/3:after": "crwrcB",
        "all,a/3:absent": "cBrwBrc",
        "crwBrcB": "crwBrcB",
        "crwrc": "crwrc",
    }.items(),
)
def test_a_linear_unit_has_no_activation_in_its_code(text, code):
    placement = parse_placement(text, LINEAR_SITES)
    assert str(placement) == code
    assert parse_placement(code, LINEAR_SITES, order="after") == placement


def test_both_orders_of_a_linear_unit_are_one():
    assert Placement(LINEAR_SITES[2:], ("after",)) == Placement(LINEAR_SITES[2:], ("before",))
    every = [str(placement) for placement in all_placements(LINEAR_SITES, ("before", "after"))]
    assert len(every) == len(set(every)) == 3 * 3 * 2


@pytest.mark.parametrize("code", ["cBrwBrcBr", "cBrwBrcrB", "cBwBrcB", "crwrcr", "crwrcBB"])
def test_a_code_with_an_activation_too_many_or_too_few_does_not_fit(code):
    with pytest.raises(PlacementError, match=r"'crwrc': .* behind a letter that has no r"):
        parse_placement(code, LINEAR_SITES)


def test_an_order_moves_35_of_the_52_norms_of_mobilenetv2():
    before, after = (parse_placement("all", MOBILENETV2_SITES, order=order) for order in ("before", "after"))
    assert str(before).startswith("cBr-wBrcB-cBrwBrcB-")
    assert str(after).startswith("crB-wrBcB-crBwrBcB-")
    assert sum(a != b for a, b in zip(before.orders, after.orders, strict=True)) == 35
    assert sum(order == "before" for order in after.orders) == sum(s.linear for s in MOBILENETV2_SITES) == 17


def test_a_complaint_does_not_list_dozens_of_sites():
    with pytest.raises(
        PlacementError, match=r"did you mean 'block1/expand'.*sites \(stem/conv1, .*\.\.\., head"
    ):
        parse_placement("block1/expnad", MOBILENETV2_SITES)


def test_blocks_are_the_paths_before_the_last_slash():
    assert Site("stage1/block2/conv1", "conv").block == "stage1/block2"
    sites = (Site("s/1/c", "conv"), Site("s/1/d", "conv"), Site("s/2/c", "conv"))
    assert str(parse_placement("s/1", sites)) == "cBrcBr-cr"


def test_vgg7_has_64_placements_with_one_order_and_729_with_two():
    one, two = (list(all_placements(VGG7_SITES, orders)) for orders in [("before",), ("before", "after")])
    assert (len(one), len(two)) == (64, 729)
    assert (len(set(one)), len(set(two))) == (64, 729)
    assert len({str(placement) for placement in two}) == 729
    assert str(one[0]) == str(two[0]) == "crcr-crcr-drdr"
    assert set(one) < set(two)
    assert {order for placement in one for order in placement.orders} == {"absent", "before"}


def test_every_placement_of_vgg7_reads_back():
    for placement in all_placements(VGG7_SITES, ("before", "after")):
        assert parse_placement(str(placement), VGG7_SITES, order="after") == placement


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_every_model_has_distinct_sites_in_blocks(model):
    names = [site.name for site in Config(model=model).sites]
    assert names
    assert len(set(names)) == len(names)
    assert all(site.block and site.kind in KINDS for site in Config(model=model).sites)


def test_the_mlp_has_a_site_for_each_hidden_layer():
    assert [site.name for site in Config(model="mlp", hidden_layers=3).sites] == [
        "fc/dense1",
        "fc/dense2",
        "fc/dense3",
    ]
    assert mlp_sites(2) == Config(model="mlp", hidden_layers=2).sites


_words = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
_blocks = st.lists(_words, min_size=1, max_size=2).map("/".join)


@st.composite
def site_lists(draw):
    """Sites of any kinds in any blocks; a block may come back after another one."""
    pairs = draw(st.lists(st.tuples(_blocks, st.sampled_from(KINDS)), min_size=1, max_size=8))
    if draw(st.booleans()):
        pairs.sort(key=lambda pair: pair[0])
    return tuple(Site(f"{block}/{kind}{number}", kind) for number, (block, kind) in enumerate(pairs))


@st.composite
def placements(draw):
    sites = draw(site_lists())
    return Placement(sites, tuple(draw(st.sampled_from(ORDERS)) for _ in sites))


@given(placements())
def test_canonical_text_reads_back_to_the_same_value(placement):
    assert parse_placement(str(placement), placement.sites) == placement
    assert parse_placement(f" {placement}\n", placement.sites, order="after") == placement


@given(placements(), st.randoms())
def test_a_list_of_all_sites_in_any_sequence_means_its_orders(placement, random):
    entries = [f"{site}:{order}" for site, order in placement.as_dict().items()]
    random.shuffle(entries)
    assert parse_placement(",".join(entries), placement.sites) == placement


@given(placements(), placements())
def test_later_entries_override_earlier_ones(first, second):
    first = Placement(second.sites, tuple(itertools.islice(itertools.cycle(first.orders), len(second.sites))))
    entries = [f"{site}:{order}" for p in (first, second) for site, order in p.as_dict().items()]
    assert parse_placement(",".join(entries), second.sites) == second


@given(placements())
def test_code_has_a_letter_for_every_site_and_norm(placement):
    code = str(placement)
    assert code.count("r") == len(placement.sites)
    assert code.count("B") == sum(order != "absent" for order in placement.orders)
    assert code.count("-") == len(list(itertools.groupby(site.block for site in placement.sites))) - 1


_FRAGMENTS = (
    "conv dense depthwise none all block1 fc/dense1 before after absent cBr crB dr cBrB "
    "* ? [ ] ! [! [z-a] : , / - B w \\ \x00 \ud800"
)
_fragments = st.sampled_from([*_FRAGMENTS.split(" "), " ", "\n"])
_texts = st.one_of(st.text(max_size=40), st.lists(_fragments, max_size=12).map("".join))


@given(_texts)
@example("")
@example("-")
@example("c")
@example("crcr-crcr-drdr-")
def test_any_text_is_a_placement_or_one_line_of_complaint(text):
    try:
        placement = parse_placement(text, VGG7_SITES)
    except PlacementError as error:
        message = str(error)
    else:
        message = ""
        assert parse_placement(str(placement), VGG7_SITES) == placement
    assert len(message.splitlines()) <= 1
    assert not message or message.startswith("placement ")


COMPLAINTS = {
    # text -> what its message has to hold: the value, the place, the offer
    "cnov": ["'cnov'", "entry 1", "did you mean 'conv'?", "block1/conv1", "fc/dense2", "crcr-crcr-drdr"],
    "conv,densse:after": ["'densse'", "entry 2", "did you mean 'dense'?"],
    "conv,dense,block3": ["'block3'", "entry 3", "block1, block2, fc"],
    "block1/conv3": ["'block1/conv3'", "entry 1", "did you mean 'block1/conv"],
    "zzz/*": ["'zzz/*'", "entry 1", "globs such as"],
    "conv,,dense": ["''", "entry 2", "conv, dense"],
    "": ["''", "entry 1", "none, all"],
    "depthwise": ["'depthwise'", "entry 1", "kinds (conv, dense)"],
    "conv:befor": ["'befor'", "entry 1", "absent, before, after"],
    "conv,dense:": ["''", "entry 2", "absent, before, after"],
    "conv:before:after": ["'before:after'", "entry 1", "absent, before, after"],
    "cr-cr-dr": ["'cr-cr-dr'", "does not fit", "'crcr-crcr-drdr'"],
    "crcrcrcrdrdr": ["does not fit", "'crcr-crcr-drdr'"],
    "crcr-crcr-drwr": ["does not fit", "'crcr-crcr-drdr'"],
    "cBBrcr-crcr-drdr": ["'cBBrcr-crcr-drdr'", "does not fit"],
    "crcr-cBrBcr-drdr": ["'cBrB'", "position 6", "holds one"],
}


@pytest.mark.parametrize(("text", "parts"), COMPLAINTS.items(), ids=repr)
def test_a_complaint_names_the_value_the_place_and_the_offer(text, parts):
    with pytest.raises(PlacementError) as caught:
        parse_placement(text, VGG7_SITES)
    message = str(caught.value)
    assert [part for part in parts if part not in message] == []
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("text", ["zzz", "cnov"])
def test_a_complaint_is_punctuated(text):
    with pytest.raises(PlacementError, match=r"is not understood( \(.*\))?[;:.] .*model offers"):
        parse_placement(text, VGG7_SITES)


@pytest.mark.parametrize("text", ["conv,none", "none,conv", "none:before"])
def test_none_stands_alone_and_is_not_offered_to_who_wrote_it(text):
    with pytest.raises(PlacementError) as caught:
        parse_placement(text, VGG7_SITES)
    assert "'none'" in str(caught.value)
    assert "did you mean 'none'" not in str(caught.value)


@pytest.mark.parametrize("order", ["absent", "behind", ""])
def test_a_default_order_is_before_or_after(order):
    with pytest.raises(PlacementError, match=f"'{order}' is not one of before, after"):
        parse_placement("conv", VGG7_SITES, order=order)


def test_a_placement_has_an_order_for_every_site():
    with pytest.raises(PlacementError, match="1 orders for 3 sites"):
        Placement(CNN_SITES, ("before",))
    with pytest.raises(PlacementError, match="'behind' is not one of absent, before, after"):
        Placement(CNN_SITES, ("before", "behind", "after"))


def test_a_model_without_sites_takes_none_alone():
    assert parse_placement("none", ()) == Placement((), ())
    with pytest.raises(PlacementError, match="'conv'"):
        parse_placement("conv", ())
