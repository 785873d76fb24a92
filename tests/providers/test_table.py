"""The table of providers holds for every row; docs/providers.md tells of each."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from wallas.codecs import WIRES as CODECS
from wallas.codecs import codec
from wallas.providers.lists import READERS
from wallas.providers.quirks import EFFORTS, QUIRKS
from wallas.providers.registry import ADAPTERS, BY_NAME, PROGRAM_ADAPTERS, ROWS
from wallas.providers.row import OWN, PROGRAM
from wallas.providers.rows_further import FURTHER
from wallas.settings import CAPABILITIES

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "providers.md").read_text()
MAIN = (
    "gemini groq openrouter cerebras sambanova pollinations ollama ollama-cloud huggingface cohere mistral nvidia "
    "openai anthropic deepseek github kilo ovhcloud llm7 cloudflare zai"
)
NEVER = {
    "api_base",
    "api_key",
    "base_url",
    "custom_llm_provider",
    "extra_body",
    "extra_headers",
    "headers",
    "model",
    "organization",
    "project",
    "proxy",
    "timeout",
}


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request):
    return request.param


def test_every_provider_that_was_promised_has_a_row():
    assert set(MAIN.split()) <= set(BY_NAME)
    assert len(BY_NAME) == len(ROWS)


def test_names_and_addresses_are_well_formed(row):
    parts = urlsplit(row.base_url)
    assert re.fullmatch(r"[a-z0-9-]+", row.name)
    assert parts.scheme == ("http" if row.local else "https") and parts.hostname
    assert not parts.query and not row.base_url.endswith("/")
    assert row.path.startswith("/")
    assert row.models_path is None or row.models_path.startswith(("/", "https://"))


def test_its_wire_adapter_list_format_and_quirks_exist(row):
    if row.wire == PROGRAM:
        assert row.name in PROGRAM_ADAPTERS and row.needs and row.install and not row.chats
        return
    assert row.wire == OWN or (row.wire in CODECS and row.wire in ADAPTERS and row.wire == codec(row.wire).WIRE)
    assert row.list_format in READERS
    assert set(row.quirks) <= set(QUIRKS)
    assert row.offers | row.operations <= CAPABILITIES
    assert all(set(known) <= set(EFFORTS) for _, known in row.efforts)


def test_it_says_who_says_so_and_when(row):
    assert row.source and row.limits and row.region
    assert date.fromisoformat(row.date) <= date(2026, 11, 21)


def test_it_has_a_key_or_needs_none(row):
    assert row.keyless or row.keys or row.wire == OWN or row.retired_on
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*_(KEY|TOKEN)", name) for name in row.keys)
    assert row.local or row.opt_in or row.keyless or row.key_url.startswith("https://") or row in FURTHER


def test_no_row_lets_a_client_choose_an_address_a_key_or_a_header(row):
    assert not row.accepts & NEVER
    assert not any(name.lower() in ("authorization", "x-api-key", "x-goog-api-key") for name in row.headers)


def test_nothing_is_both_dropped_and_accepted_or_renamed_to_itself(row):
    assert not row.drops & row.accepts
    assert all(name != other for name, other in row.renames.items())


def test_the_manual_tells_of_it(row):
    line = next((line for line in DOCS.splitlines() if line.startswith(f"| `{row.name}` ")), "")
    assert line, f"docs/providers.md has no line for {row.name}"
    assert row.date in line
    assert all(name in line for name in row.keys[:1])
    assert ("retired" in line) == (row.status == "retired")


def test_no_variable_stands_for_two_providers():
    names = [name for row in ROWS for name in row.keys]
    assert len(names) == len(set(names))


def test_no_further_provider_is_used_before_its_user_names_it():
    assert all(row.keys or row.opt_in or row.retired_on or row.wire == OWN for row in FURTHER)
    assert all(row.opt_in for row in FURTHER if row.keyless)


def test_a_further_provider_is_free_only_where_its_list_or_its_whole_plan_says_so():
    paid = [row for row in FURTHER if row.free == "no"]
    assert paid and all(row.free_rule in ("never", "zero") and not row.free_ids for row in paid)
    assert all(row.free in ("yes", "local") for row in FURTHER if row.free_rule == "all")


def test_github_is_complete_but_retired():
    row = BY_NAME["github"]
    assert (row.status, row.keys[0]) == ("retired", "GITHUB_TOKEN")
    assert "2026-07-30" in row.note


def test_proven_continuations_say_by_what_and_when():
    proven = {row.name: row.prefill for row in ROWS if row.prefill}
    assert {name: prefill.how for name, prefill in proven.items()} == {
        "mistral": "prefix",
        "anthropic": "trailing",
        "deepseek": "beta",
    }
    assert all(prefill.evidence and prefill.date for prefill in proven.values())
    assert BY_NAME["anthropic"].continues("claude-haiku-4-5-20251001")
    assert not BY_NAME["anthropic"].continues("claude-opus-5")


def test_the_table_is_imported_without_adapters_or_codecs():
    code = (
        "import sys, wallas.providers.registry\n"
        "heavy = [name for name in sys.modules if name.startswith(('wallas.codecs.', 'wallas.transport', 'requests',"
        " 'urllib3', 'sqlalchemy', 'flask'))]\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=30)
