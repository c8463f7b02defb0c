"""What a paper cites: bnjax and the studies' texts, as BibTeX."""

from collections.abc import Mapping

import bnjax
from bnjax.studies import STUDIES
from bnjax.studies.study import Study

_TITLE = "bnjax: where should Batch Normalization go, and what does it do there?"


def bibliography() -> str:
    """An entry for bnjax, keyed ``bnjax``, and one for each study, keyed by its name."""
    itself = {"title": _TITLE, "author": "The bnjax authors", "note": f"Version {bnjax.__version__}"}
    entries = [_entry("software", "bnjax", itself), *map(_of_study, STUDIES.values())]
    return "\n".join(entries)


def _of_study(study: Study) -> str:
    year = study.date.partition("-")[0]
    note = f"Published {study.date}" if study.date != year else ""
    told = {"title": study.title, "author": study.author, "howpublished": study.place, "year": year}
    return _entry("misc", study.name, {**told, "note": note, "url": study.link})


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    """Braces keep names and capital letters as they are; fields without a value are left out."""
    lines = [f"  {name} = {{{{{value}}}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"]) + "\n"
