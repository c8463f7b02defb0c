"""One definition of records: every field says what it means, and rules follow from its type."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from bnjax.field_types import AtMost, Range
from bnjax.probes import PROBES
from bnjax.record_check import rules
from bnjax.record_rules import ValueRule, WrongError, rule_of
from bnjax.records import SCHEMA
from bnjax.schema import KINDS, Holds, Needs


class Inner(TypedDict):
    count: Annotated[int, Range(0, 9)]
    word: NotRequired[Literal["a", "b"] | None]


class Part(TypedDict):
    some: Annotated[int | None, AtMost("every")]
    every: int


class Outer(TypedDict):
    share: Annotated[float | None, "how much", Range(0, 1)]
    of_each: dict[str, Inner]
    part: NotRequired[Annotated[Inner, Holds.ALL_OR_NOTHING]]
    some: NotRequired[Annotated[Inner, Holds.SOME]]
    open: NotRequired[Annotated[Inner, Holds.OTHERS_TOO]]
    free: NotRequired[dict[str, Any]]
    named: NotRequired[Annotated[dict[str, str], Needs(("x",))]]
    sizes: NotRequired[list[int]]


LEAST = {"share": None, "of_each": {}}
RULE = rule_of(Outer)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_record_says_what_it_means(kind):
    assert all(meaning for _, meaning in SCHEMA[kind].values())
    probes = {} if kind == "run" else PROBES
    assert SCHEMA[kind].keys() == {*KINDS[kind].__annotations__, *probes}


def test_a_number_that_may_be_null_is_one():
    assert rules()["epoch"].fields["test_loss"].types == (int, float, type(None))
    assert rules()["summary"].fields["seconds"].types == (int, float)
    assert rule_of(Annotated[str, "a name"]) == ValueRule((str,), "a name")


SOUND = [
    {},
    {"share": 1},
    {"of_each": {"x": {"count": 9}, "y": {"count": 0, "word": None}}},
    {"part": {}, "some": {"word": "a"}, "open": {"count": 1, "anything": [None]}},
    {"free": {"a": {"b": [1]}}, "named": {"x": "1", "y": "2"}, "sizes": [2]},
]


@pytest.mark.parametrize("changes", SOUND)
def test_what_fits_is_taken(changes):
    assert RULE.check({**LEAST, **changes}) == []


WRONG = {
    "range": ({"share": 1.5}, "share", "is 1.5, outside 0 to 1"),
    "a truth value": ({"share": True}, "share", "is True, not a number or null"),
    "lacks": ({"part": {"word": "a"}}, "part", "lacks count"),
    "lacks a free name": ({"named": {"y": "2"}}, "named", "lacks x"),
    "a free name's type": ({"named": {"x": 1}}, "named.x", "is 1, not a text"),
    "inside each": ({"of_each": {"s": {"count": -1}}}, "of_each.s.count", "is -1, not 0 or more"),
    "word": ({"some": {"word": "c"}}, "some.word", "is 'c', not one of a, b"),
    "no object": ({"of_each": {"s" * 99: 3}}, f"of_each.{'s' * 60}...", "is 3, not an object"),
    "list": ({"sizes": 2}, "sizes", "is 2, not a list"),
}


@pytest.mark.parametrize(("changes", "place", "what"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_fit_is_named_with_its_place(changes, place, what):
    with pytest.raises(WrongError) as told:
        RULE.check({**LEAST, **changes})
    assert (told.value.place, told.value.what) == (place, what)


def test_a_number_is_held_against_the_one_that_it_cannot_exceed():
    rule = rule_of(Part)
    for some in (None, 2, 3):
        assert rule.check({"some": some, "every": 3}) == []
    with pytest.raises(WrongError) as told:
        rule.check({"some": 4, "every": 3})
    assert (told.value.place, told.value.what) == ("some", "is 4 of 3 every")


def test_names_of_later_versions_are_told_own_ones_first():
    value = {"of_each": {"s": {"count": 1, "asleep": 2}}, "share": 0, "part": {"count": 1, "hue": 0}, "z": 1}
    assert RULE.check(value) == ["z", "of_each.asleep", "part.hue"]
