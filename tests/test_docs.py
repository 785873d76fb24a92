"""Every public name has a sentence in the documentation, and the README's table follows the providers."""

import re
from pathlib import Path

import pytest

from wallas import settings
from wallas.blueprints import options
from wallas.providers.registry import ROWS
from wallas.providers.rows_further import FURTHER
from wallas.routing.naming import SUFFIXES
from wallas.routing.strategies import PROFILE_ALIASES, PROFILES

ROOT = Path(__file__).resolve().parent.parent
PAGES = {path: path.read_text("utf-8") for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}
DOCS = "\n".join(PAGES.values())
README = PAGES[ROOT / "README.md"]
SPANISH = PAGES[ROOT / "README.es.md"]
RULE = re.compile(r"<(?:path:)?(\w+)>")


def routes() -> list[str]:
    from flask import Flask

    import wallas.app as app_module

    app = Flask("routes", static_folder=None)
    for name in app_module.BLUEPRINTS:
        module = __import__(f"wallas.blueprints.{name}", fromlist=["bp"])
        app.register_blueprint(module.bp)
    return sorted({rule.rule for rule in app.url_map.iter_rules()})


@pytest.mark.parametrize("route", routes())
def test_a_route_is_documented(route):
    api = PAGES[ROOT / "docs" / "api.md"]
    fixed = RULE.split(route)[0].rstrip("/") or "/"
    assert f"`GET {fixed}" in api or f"`POST {fixed}" in api or f"`{fixed}" in api or f" {fixed}" in api


@pytest.mark.parametrize("name", [*PROFILES, *PROFILE_ALIASES])
def test_a_virtual_model_is_documented(name):
    assert f"`{name}`" in PAGES[ROOT / "docs" / "routing.md"]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_a_suffix_is_documented(suffix):
    assert f"`:{suffix}`" in PAGES[ROOT / "docs" / "routing.md"]


@pytest.mark.parametrize("header", [header for header, _ in options.READERS.values()])
def test_a_header_is_documented(header):
    assert f"`{header}`" in PAGES[ROOT / "docs" / "routing.md"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_provider_is_documented(row):
    assert f"`{row.name}`" in PAGES[ROOT / "docs" / "providers.md"]
    if (not row.local or row.name == "ollama") and row not in FURTHER:
        assert f"(`{row.name}`)" in README
        assert f"(`{row.name}`)" in SPANISH


@pytest.mark.parametrize("variable", sorted(settings.NAMES - {"WALLAS_GOLDEN"}))
def test_a_setting_is_documented(variable):
    assert f"`{variable}`" in PAGES[ROOT / "docs" / "operations.md"]


def links(text: str) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)#\s]+)", text) if not link.startswith("http")]


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page):
    assert [link for link in links(PAGES[page]) if not (page.parent / link).exists()] == []


def test_the_readmes_have_the_same_sections():
    assert len(re.findall(r"^## ", README, re.M)) == len(re.findall(r"^## ", SPANISH, re.M))
    assert re.findall(r"```\w+", README) == re.findall(r"```\w+", SPANISH)
