from __future__ import annotations

from reference.searchapp.tasks.pages import checksum, page_id, parse


def test_text_title_and_links_are_read() -> None:
    page = parse(
        b"<html><head><title> A  title </title><style>p{}</style></head><body><p>One <b>two</b></p>"
        b"<script>var hidden</script><a href='b'>three</a><a>no href</a></body></html>",
        None,
    )
    assert (page.title, page.content, page.links) == ("A title", "One two three no href", ("b",))
    assert page.index
    assert page.follow


def test_broken_html_and_bytes_are_read_as_far_as_they_go() -> None:
    page = parse(b"<p>caf\xc3\xa9 \xff<div>open \x00\x02mark\x03", "utf-8")
    assert "café" in page.content
    assert "\x02" not in page.content
    assert "\x00" not in page.content


def test_a_charset_is_used_and_an_unknown_one_is_not_fatal() -> None:
    assert parse("<p>Straße</p>".encode("latin-1"), "latin-1").content == "Straße"
    assert parse(b"<p>plain</p>", "no-such-charset").content == "plain"


def test_robots_directives_are_obeyed() -> None:
    noindex = parse(b"<meta name='ROBOTS' content='NoIndex'><a href=b>b</a>", None)
    assert not noindex.index
    assert noindex.follow
    nothing = parse(b"<meta name='robots' content='none'>", None)
    assert not nothing.index
    assert not nothing.follow


def test_ids_and_checksums_depend_on_what_they_name() -> None:
    assert page_id("a", "http://x/") == page_id("a", "http://x/")
    assert page_id("a", "http://x/") != page_id("b", "http://x/")
    assert checksum(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
