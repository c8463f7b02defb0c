"""Papers whose best known claims are tested by small experiments: one file each, by first author and year.

A new paper is a file with a :class:`~bnjax.studies.study.Study` of the kind ``paper`` and its name in the
list below. Its recipe is the smallest experiment that can show what it claims; ``same`` and ``differs`` say
what of that is as the paper has it, and each claim's ``note`` what of it is our reading.
"""

from bnjax.studies.papers.yang2019 import YANG2019
from bnjax.studies.study import Study

#: In the order of the report.
PAPERS: tuple[Study, ...] = (YANG2019,)
