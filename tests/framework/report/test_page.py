"""A report is one page that shows a run as it was, trusts no text in it, and needs nothing from elsewhere."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import pushforward
from pushforward.problem import UserError
from pushforward.report.page import tone, write_report


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "line", "path", "circle", "polygon"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(folder, sections=()):
    page = Page(write_report(folder, sections).read_text(encoding="utf-8"))
    assert page.open == []  # every element is closed
    return page


def test_the_page_says_what_the_run_says(folder):
    text = page_of(folder).text
    for told in ("rings-gan-1", "completed", "1 min 35 s", "cycling", "weight=1", "1.002", "0.0213 ± 0.0012", "0.95"):
        assert told in text
    assert "pushforward run rings/gan" in text and "pip install pushforward==0.1.0" in text


def test_html_in_texts_is_shown_and_not_obeyed(folder):
    page = page_of(folder, [("<script>alert(1)</script>", "<img src=x onerror=alert(1)>\n\nsecond")])
    assert not page.all("script") and not page.all("i")
    assert "A GAN learns <b>rings</b> & more." in page.text
    assert "<i>w</i>" in page.text and "a < b & c" in page.text and "<img src=x onerror=alert(1)>" in page.text
    assert all("onerror" not in attrs for _, attrs in page.tags)


def test_html_in_names_of_metrics_and_pictures_is_escaped(folder):
    text = (folder / "metrics.csv").read_text().replace("cost/generator/objective", 'cost/<b "g">/<script>')
    (folder / "metrics.csv").write_text(text)
    picture = folder / "images" / "sample-scatter-00000200.png"
    picture.rename(folder / "images" / '"><script>-00000200.png')
    page = page_of(folder)
    assert not page.all("script") and "<script>" in page.text and 'cost of <b "g">' in page.text


def test_the_page_needs_nothing_from_elsewhere(folder):
    page = page_of(folder)
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        for name in ("src", "href", "srcset", "data", "action"):
            assert attrs.get(name, "data:").startswith("data:")
    html = (folder / "report.html").read_text()
    assert "@import" not in html and not re.search(r"url\(", html)


def test_the_newest_picture_and_the_film_are_inside(folder):
    images = page_of(folder).all("img")
    assert [image["alt"] for image in images] == ["sample-scatter at round 200", "sample-scatter, round after round"]
    assert images[0]["src"].startswith("data:image/png;base64,iVBOR")
    assert images[1]["src"] == "data:image/webp;base64,UklGRg=="


def test_every_picture_and_chart_has_words_and_ids_are_unique(folder):
    page = page_of(folder)
    charts = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(charts) == 4 and len(ids) == len(set(ids)) == 8
    assert {name for svg in charts for name in svg["aria-labelledby"].split()} == set(ids)


@pytest.mark.parametrize("left", ["recipe.yaml", "results.json", "metrics.csv", "environment.json"])
def test_an_unfinished_run_of_which_one_file_is_there_gives_a_page(folder, left):
    for path in [*folder.glob("*.*"), *folder.glob("images/*")]:
        if path.name != left:
            path.unlink()
    text = page_of(folder).text
    assert ("completed" if left == "results.json" else "unfinished") in text
    assert "None" not in text and "Undefined" not in text


def test_a_failed_run_gives_its_reason(folder):
    (folder / "results.json").write_text(json.dumps({"status": "failed", "reason": "round 7: cost is nan"}))
    text = page_of(folder).text
    assert "failed" in text and "round 7: cost is nan" in text and "Verdict" not in text


@pytest.mark.parametrize("broken", ['{"status": "compl', "[1]", "\x00\x01", ""])
def test_damaged_results_are_named_and_the_rest_is_shown(folder, broken):
    (folder / "results.json").write_text(broken)
    text = page_of(folder).text
    assert "to the end: results.json." in text and "cost of generator" in text


def test_a_line_of_metrics_that_was_cut_short_ends_them(folder):
    with (folder / "metrics.csv").open("a") as metrics:
        metrics.write("300,0.7,0.")
    text = page_of(folder).text
    assert "metrics.csv" in text and "0.8" in text


def test_a_number_that_is_not_finite_is_shown_as_such(folder):
    (folder / "results.json").write_text(
        '{"status": "failed", "measures": {"w": {"value": NaN, "standard_error": NaN}}}'
    )
    assert "nan" in page_of(folder).text


def test_a_folder_that_is_no_run_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not a run's folder"):
        write_report(tmp_path)


def test_a_verdict_has_the_tone_that_it_deserves():
    assert [tone(w) for w in ("converging", "collapsed", "cycling", "undecided")] == ["good", "bad", "warn", "plain"]


def test_neither_report_nor_comparison_imports_torch_or_matplotlib(folder):
    program = (
        "import sys; from pathlib import Path; from pushforward.report.page import write_report; "
        "from pushforward.report.compare import compare_table; folder = Path(sys.argv[1]); "
        "write_report(folder); compare_table([folder]); "
        "print([name for name in ('torch', 'matplotlib', 'numpy', 'PIL') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(pushforward.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"
