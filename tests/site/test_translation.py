"""The whole way of a translation: a heading of a notebook, a heading of a page, and what the library says."""

from __future__ import annotations


def text(site, name: str) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def test_a_notebook_cell_is_translated_by_its_catalogue(russian_site):
    page = text(russian_site, "30_retention")
    assert "<h1>Удержание в лечении<" in page
    assert "<h2>Ограничения<" in page
    assert "Who stays?" in page, "what has no translation stays in English"


def test_a_hand_written_page_is_translated_by_its_catalogue(russian_site):
    assert "<h1>Методы<" in text(russian_site, "methods")
    assert "<h2>Дни и дозы<" in text(russian_site, "methods")


def test_the_library_speaks_russian(russian_site):
    index = text(russian_site, "index")
    assert "Синтетические данные" in index
    assert "<h2>Вопросы и главы<" in index
    assert "Этой главы в отчёте нет." in text(russian_site, "50_registry")
    assert "Настройки этого исследования" in text(russian_site, "methods")
    assert "Показать код" in text(russian_site, "30_retention")


def test_the_theme_and_the_search_speak_russian(russian_site, open_page):
    assert '<html lang="ru"' in text(russian_site, "index")
    page = open_page(russian_site, address=(russian_site / "search.html").as_uri() + "?q=удержание")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert "Удержание в лечении" in page.locator("#search-results li a").all_text_contents()


def test_the_contents_are_translated(russian_site, open_page):
    page = open_page(russian_site / "index.html")
    assert "Удержание в лечении" in page.locator(".bd-sidebar-primary").inner_text()
    assert "Главы" in page.locator(".bd-sidebar-primary").inner_text()
    assert page.complaints == []
