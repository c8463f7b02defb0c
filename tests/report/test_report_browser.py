"""The page in Chromium: it opens from disk without a network, sorts, shows its pictures, and fits a phone.

Skipped where there is no Chromium: neither one on the PATH nor Playwright's own, which
``playwright install chromium`` brings.
"""

import shutil
from pathlib import Path

import pytest
from starting import PATIENCE

from bnjax.report.page.build import folder_report
from bnjax.report.page.document import Report, Section, Table, TableCell
from bnjax.report.page.html_page import as_html

pytestmark = pytest.mark.slow
KEPT = Path(__file__).parents[2] / "experiments/results"
DESK, PHONE = {"width": 1300, "height": 900}, {"width": 390, "height": 844}
#: WCAG 2.2, success criterion 1.4.3, for text of usual size.
ENOUGH_CONTRAST = 4.5


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(as_html(folder_report(KEPT)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        names = ("chromium", "chromium-browser", "google-chrome")
        found = next(filter(None, map(shutil.which, names)), playwright.chromium.executable_path)
        if not Path(found).exists():
            pytest.skip("no Chromium here (playwright install chromium)")
        # Everything may run as root in a container, where Chromium's sandbox does not start.
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox"], timeout=1000 * PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, file):
    """Opens the page in a window of its own; fails on any error or request that it makes."""
    contexts, wrong = [], []

    def open_page(viewport, **settings):
        context = browser.new_context(viewport=viewport, offline=True, **settings)
        contexts.append(context)
        context.set_default_timeout(200_000)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        local = ("file:", "data:")
        page.on("request", lambda one: None if one.url.startswith(local) else wrong.append(one.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def column(page, table, head):
    """The texts of a column, from top to bottom."""
    heads = page.locator(f"{table} thead th").all_inner_texts()
    place = next(number for number, text in enumerate(heads, start=1) if text.startswith(head))
    return page.locator(f"{table} tbody tr > :nth-child({place})").all_inner_texts()


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(opened):
    page = opened(DESK)
    table = 'section[aria-labelledby="runs"] table'
    before = column(page, table, "seed")
    head = page.locator(f"{table} thead th", has_text="seed")
    head.get_by_role("button").click()
    assert column(page, table, "seed") == sorted(before, key=float)
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").press("Enter")  # by the keyboard alone
    assert column(page, table, "seed") == sorted(before, key=float, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    assert page.locator("[aria-sort]").count() == 1


def test_a_row_stays_whole_when_it_moves(opened):
    page = opened(DESK)
    table = 'section[aria-labelledby="runs"] table'
    rows = set(page.locator(f"{table} tbody tr").all_inner_texts())
    page.locator(f"{table} thead th", has_text="started").get_by_role("button").click()
    assert set(page.locator(f"{table} tbody tr").all_inner_texts()) == rows
    assert column(page, table, "started") == sorted(column(page, table, "started"))


def test_pictures_load_and_are_told_in_words(opened):
    page = opened(DESK)
    images = page.locator("img")
    assert images.count() > 0
    for number in range(images.count()):
        image = images.nth(number)
        assert image.evaluate("image => image.complete && image.naturalWidth > 100")
        assert len(image.get_attribute("alt")) > 40


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_the_first_screen_has_a_question_an_answer_and_a_figure(opened, viewport):
    page = opened(viewport)
    card = page.locator(".card").first
    assert card.locator("h3").inner_text().endswith("?")
    assert "are not told apart, +0.1301 nats" in card.locator(".finding").first.inner_text()
    parts = (".finding", ".bar", "p .verdict")
    for part in (card.locator("h3"), *(card.locator(one).first for one in parts)):
        box = part.bounding_box()
        assert box["y"] + box["height"] <= viewport["height"]
        assert 0 <= box["x"] < box["x"] + box["width"] <= viewport["width"]


def test_a_forest_plot_shows_its_numbers_where_they_lie(opened):
    page = opened(DESK)
    for row in page.locator(".forest li").all():
        zero, mean = (row.locator(f".{name}").bounding_box() for name in ("zero", "mean"))
        number = float(row.locator(".bar-number").inner_text().split()[0])
        place = mean["x"] + mean["width"] / 2 - zero["x"]
        assert place * number >= 0 or abs(place) < 1
        interval = row.locator(".interval").bounding_box()
        assert interval["x"] - 1 <= mean["x"] + mean["width"] / 2 <= interval["x"] + interval["width"] + 1


def test_claims_can_be_chosen_by_the_data_of_their_runs(opened):
    page = opened(DESK)
    rows = page.locator('section[aria-labelledby="claims"] table').first.locator("tbody tr")
    data = page.locator('section[aria-labelledby="claims"] .filters').first.get_by_label("data")
    data.select_option("folder:flowers")
    told = rows.locator("visible=true").all_inner_texts()
    studies = {text.split("-")[0] for text in told}
    assert {"vgg7", "mobilenet"} <= studies
    assert "mnist" not in studies


def test_a_choice_finds_every_entry_of_a_list(browser, tmp_path):
    names = {"a": "mnist", "b": "digits; mnist", "c": "-"}
    table = Table(
        "t", ("claim", "data"), [[TableCell(a), TableCell(b)] for a, b in names.items()], "", ("data",)
    )
    path = tmp_path / "page.html"
    path.write_text(as_html(Report("t", [], [Section("s", "s", (), [table])])), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    assert page.locator("select option").all_inner_texts() == ["all", "-", "digits", "mnist"]
    page.get_by_label("data").select_option("mnist")
    assert page.locator("tbody tr th").locator("visible=true").all_inner_texts() == ["a", "b"]
    page.close()


def test_claims_can_be_chosen_by_text_and_verdict(opened):
    page = opened(DESK)
    rows = page.locator('section[aria-labelledby="claims"] table').first.locator("tbody tr")
    bar = page.locator('section[aria-labelledby="claims"] .filters').first
    every = rows.count()
    bar.get_by_label("text").select_option("mobilenet")
    shown = rows.locator("visible=true").all_inner_texts()
    assert 0 < len(shown) < every
    assert all(text.startswith("mobilenet-") for text in shown)
    assert bar.locator("output").inner_text() == f"{len(shown)} of {every} rows"
    bar.get_by_label("text").select_option("all")
    assert rows.locator("visible=true").count() == every


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_no_table_is_cut_off(opened, viewport):
    wide = """tables => tables.filter(e => e.scrollWidth > e.clientWidth + 1)
      .map(e => e.querySelector("caption").textContent)"""
    cut = opened(viewport).locator(".scroll").evaluate_all(wide)
    assert cut == []


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_is_wider_than_the_window(opened, viewport, tmp_path):
    page = opened(viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.screenshot(path=tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(opened, scheme):
    page = opened(DESK, color_scheme=scheme)
    found = page.evaluate(CONTRASTS)
    assert len(found) >= 5
    assert {name: contrast for name, contrast in found.items() if contrast < ENOUGH_CONTRAST} == {}
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in paper.removeprefix("rgb(").removesuffix(")").split(",")) / 3
    assert (brightness > 128) == (scheme == "light")


#: Contrast of text with what is behind it (WCAG 2.2, relative luminance), for the first element of a kind.
CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = parts(colour).map((value) => {
      const v = value / 255;
      return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor, [, , , alpha = 1] = parts(colour);
      if (alpha > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = {};
  for (const name of ["p", "a", "thead button", "td", "tbody th", "figcaption", "code",
                      ".supported", ".contradicted", ".open", ".cannot-tell", ".not-run"]) {
    const element = document.querySelector(name);
    if (!element) continue;
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((x, y) => y - x);
    found[name] = (a + .05) / (b + .05);
  }
  return found;
}"""
