"""Papers whose best known claims are tested by small experiments: one file each, by first author and year.

A new paper is a file with a :class:`~bnjax.studies.study.Study` of the kind ``paper`` and its name in the
list below. Its recipe is the smallest experiment that can show what it claims; ``same`` and ``differs`` say
what of that is as the paper has it, and each claim's ``note`` what of it is our reading.
"""

from bnjax.studies.papers.bjorck2018 import BJORCK2018
from bnjax.studies.papers.chen2019 import CHEN2019
from bnjax.studies.papers.daneshmand2020 import DANESHMAND2020
from bnjax.studies.papers.daneshmand2021 import DANESHMAND2021
from bnjax.studies.papers.de2020 import DE2020
from bnjax.studies.papers.frankle2020 import FRANKLE2020
from bnjax.studies.papers.he2016 import HE2016
from bnjax.studies.papers.hoffer2017 import HOFFER2017
from bnjax.studies.papers.ioffe2015 import IOFFE2015
from bnjax.studies.papers.ioffe2017 import IOFFE2017
from bnjax.studies.papers.li2018 import LI2018
from bnjax.studies.papers.lu2019 import LU2019
from bnjax.studies.papers.mehta2019 import MEHTA2019
from bnjax.studies.papers.santurkar2018 import SANTURKAR2018
from bnjax.studies.papers.wu2021 import WU2021
from bnjax.studies.papers.xiong2020 import XIONG2020
from bnjax.studies.papers.yang2019 import YANG2019
from bnjax.studies.study import Study

#: In the order of the report.
PAPERS: tuple[Study, ...] = (
    *(YANG2019, DANESHMAND2020, DANESHMAND2021, LU2019, DE2020, XIONG2020),
    *(IOFFE2015, HE2016, BJORCK2018, LI2018, SANTURKAR2018, CHEN2019, MEHTA2019, FRANKLE2020),
    *(IOFFE2017, HOFFER2017, WU2021),
)
