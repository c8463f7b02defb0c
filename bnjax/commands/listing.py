"""``bnjax list``: what there is to choose from, and where each thing comes from. Imports no JAX."""

import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import partial

from bnjax.architectures import ARCHITECTURES
from bnjax.commands.parsing.usage import Parser, close_to, complain
from bnjax.norm import NORMS
from bnjax.probes import PROBES
from bnjax.process.stdout import write_stdout
from bnjax.studies import studies_of

ABOUT = """\
What there is to choose from.

  {typed}                all of it
  {typed} studies        the published texts, each a command of its own
  {typed} papers         papers whose best known claims are tested, each a command too"""
#: Of studies: what bnjax reproduces, and whose claims alone it tests.
_KINDS = ("text", "paper")
_FRONT = """\
Where should normalisation go in a network, and what does it do there?

  bnjax cifar10 --dataset=digits --placement=conv,dense                   one run, no download, a minute
  bnjax cifar10 --dataset=digits '--vary=placement=none|all' --seeds=3    a comparison, paired by seed
  bnjax report runs                                                       tables of what was run
  bnjax report runs --out=report.html                                     a page with figures and verdicts
  bnjax diagnose runs                                                     what ails each run, in words

Commands:
{studies}
{papers}
  report      recorded runs as tables and figures, beside what was published
  diagnose    what records show of runs, in words: statistics that lag, dying units and more
  list        studies, papers, networks, norms, probes and data sets to choose from

bnjax COMMAND --help explains a command; bnjax --version names this one."""


def front_page() -> str:
    """What ``bnjax`` shows where nothing is asked of it."""
    studies, papers = (
        _columns({name: study.about for name, study in studies_of(kind).items()}) for kind in _KINDS
    )
    return _FRONT.format(studies=studies, papers=papers)


def _of_kind(kind: str) -> dict[str, str]:
    return {name: f"{study.about} ({study.appeared})" for name, study in studies_of(kind).items()}


def _networks() -> dict[str, str]:
    described = {}
    for name, one in ARCHITECTURES.items():
        height, width, channels = one.images.shape
        own = f"; own settings {', '.join(one.own_settings)}" if one.own_settings else ""
        described[name] = f"images of {height}x{width}x{channels}{own}"
    return described


def _norms() -> dict[str, str]:
    described = {}
    for name, norm in NORMS.items():
        of = "by the batch, running statistics in evaluation" if norm.of_batch else "each image by itself"
        own = f"; own settings {', '.join(norm.own_settings)}" if norm.own_settings else ""
        described[name] = f"{norm.letter} in codes; {of}{own}"
    return described


def _probes() -> dict[str, str]:
    return {name: f"{probe.meaning} ({probe.source})" for name, probe in PROBES.items()}


def _datasets() -> dict[str, str]:
    from bnjax.data.sources import SOURCES, original

    return {
        **{name: source.about for name, source in SOURCES.items()},
        **dict.fromkeys(original.NAMES, "downloaded once, or prepared by TFDS"),
        "folder:PATH": "images in a folder for each class",
        "NAME": "any image classification set that TFDS has prepared in --data_dir",
    }


#: What can be listed: title -> name -> words.
LISTS: dict[str, Callable[[], dict[str, str]]] = {
    "studies": partial(_of_kind, _KINDS[0]),
    "papers": partial(_of_kind, _KINDS[1]),
    "networks": _networks,
    "norms": _norms,
    "probes": _probes,
    "datasets": _datasets,
}


def list_command(argv: Sequence[str]) -> int:
    """Prints one list or all of them.

    Args:
      argv: the command as it was called, and its arguments.

    Returns:
      The exit code.

    Raises:
      SystemExit: for help, or after a line about wrong usage.
    """
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("kind", nargs="?", metavar="{" + ",".join(LISTS) + "}", help="one list alone")
    parser.add_argument("--plugin", metavar="FILE.py", help="a file of your own, whose things are listed too")
    kind = parser.parse_args(argv[1:]).kind
    if kind not in (None, *LISTS):
        complain(argv[0], f"{kind!r} is not one of {', '.join(LISTS)}{close_to(kind, LISTS)}")
    shown = LISTS if kind is None else {kind: LISTS[kind]}
    blocks = [f"{title.capitalize()}:\n{_columns(listed())}" for title, listed in shown.items()]
    write_stdout("\n\n".join(blocks) + "\n")
    return 0


def _columns(rows: dict[str, str]) -> str:
    """A line each; on a terminal, long ones are folded below their own beginning."""
    width = max(10, *map(len, rows))
    lines = [f"  {name:<{width}}  {words}" for name, words in rows.items()]
    if sys.stdout is None or not sys.stdout.isatty():
        return "\n".join(lines)
    folded = partial(
        textwrap.fill, width=shutil.get_terminal_size().columns, subsequent_indent=" " * (width + 4)
    )
    return "\n".join(map(folded, lines))
