"""The queries of docs/state.md give the answers that the page promises, through the programs that it names."""

import re
import subprocess

import pytest

from tests.fakes import status
from tests.state.kit import sqlite_file, wait_until
from wallas.settings import ROOT
from wallas.storage.file import is_sqlite

PAGE = (ROOT / "docs" / "state.md").read_text()
QUERIES = {
    "sqlite3": re.findall(r'```sh\nsqlite3 -readonly instance/wallas\.sqlite "(.*?)"\n```', PAGE, re.DOTALL),
    "psql": re.findall(r'```sh\npsql "\$WALLAS_DATABASE_URL" -c "(.*?)"\n```', PAGE, re.DOTALL),
}


def ask(gateway, query):
    """Return the rows that the documented program prints."""
    command = ["psql", gateway.url, "-At", "-c", query]
    if is_sqlite(gateway.url):
        command = ["sqlite3", "-readonly", str(sqlite_file(gateway.url)), query]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [row.split("|") for row in done.stdout.splitlines()]


def test_the_page_has_four_queries_for_each_database():
    assert [len(queries) for queries in QUERIES.values()] == [4, 4]


def test_the_documented_queries_tell_what_happened(pair, lines):
    gateway = pair.gateway
    name = "sqlite3" if is_sqlite(gateway.url) else "psql"
    if subprocess.run(["which", name], capture_output=True, check=False).returncode:
        pytest.skip(f"the program {name} is not installed; the page is for those who have it")
    pair.first.will(status(429, None, {"Retry-After": "60"}))
    lines[0].chat(model=pair.model)
    first, second = (name.partition("/") for name in pair.names)
    circuits, requests, attempts, usage = QUERIES[name]

    def rests():
        rows = {row[0]: row for row in ask(gateway, circuits)}
        return rows.get(pair.names[0], [""] * 8)[7] == "rate_limit" and rows

    rows = wait_until(rests)
    assert 55 <= float(rows[pair.names[0]][6]) <= 61
    assert rows[pair.names[1]][2:4] == ["1", "0"]
    last = ask(gateway, requests)[0]
    assert last[1:8] == ["openai_chat", pair.model, second[0], second[2], "ok", "200", "2"]
    assert [row[:5] for row in ask(gateway, attempts)] == [
        ["1", first[0], first[2], "rate_limit", "429"],
        ["2", second[0], second[2], "ok", ""],
    ]
    (day,) = [row for row in ask(gateway, usage) if row[1] == second[0]]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day[0]) and day[2:4] == ["1", "1"]
