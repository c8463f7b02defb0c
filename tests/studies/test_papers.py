"""Studies of papers: what they have to say of themselves, and that they stay apart from the texts."""

import pytest

from bnjax.settings.canonical import resolve
from bnjax.studies import STUDIES, guessed_study, studies_of
from bnjax.studies.papers import PAPERS


def test_the_five_texts_come_first_and_papers_are_none_of_them():
    assert list(studies_of("text")) == ["vgg7", "cifar10", "mnist", "mobilenet", "finetune"]
    assert list(STUDIES) == [*studies_of("text"), *studies_of("paper")]
    assert [*studies_of("paper").values()] == list(PAPERS)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_a_paper_says_where_it_is_and_what_is_not_as_published(paper):
    assert paper.kind == "paper"
    first = paper.author.split(" and ")[0].split()[-1].lower()
    assert paper.name == f"{first}{paper.date[:4]}"
    assert paper.link.startswith(("https://arxiv.org/abs/", "https://doi.org/"))
    for said in (paper.question, paper.ran, paper.same, paper.differs, paper.does):
        assert said
    assert paper.main_claim in {claim.name for claim in paper.claims}
    assert len(paper.claims) >= 2
    for claim in paper.claims:
        assert claim.name.startswith(f"{paper.name}-")
        assert claim.place
        assert claim.least_seeds >= 5


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_records_without_a_study_are_of_no_paper(paper):
    config = vars(resolve(paper.recipe("published")))
    assert guessed_study(config) not in studies_of("paper")
