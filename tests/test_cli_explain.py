"""`wallas explain` against a real gateway."""

import io
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.routing.arena import arena
from wallas.cli import main
from wallas.errors import FailureKind, ProviderError
from wallas.health import Place


class Quiet(WSGIRequestHandler):
    """A handler that writes no log."""

    def log_message(self, *_):
        pass


def bounded(app):
    """Return the app behind a server whose input ends where the body does, as gunicorn's does."""

    def serve(environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        return app({**environ, "wsgi.input": io.BytesIO(environ["wsgi.input"].read(length))}, start_response)

    return serve


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serve a gateway with three providers, one of them at rest, on the port that the command asks."""
    with arena(tmp_path) as three:
        server = make_server("127.0.0.1", 0, bounded(three.app), handler_class=Quiet)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("WALLAS_PORT", str(server.server_port))
        key = three.service.providers["c"].keys[0].id
        three.service.health.failed(Place("c", "m", key), ProviderError(FailureKind.RATE_LIMIT, retry_after=90.0))
        yield three
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_decision_is_a_table_and_nobody_is_asked(served, capsys):
    assert main(["explain", "Why", "is the sky blue?", "--model", "auto"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "model      auto (profile auto)" and "decision   a/m" in told
    rows = [line.split() for line in told]
    ranked = [row[1] for row in rows if row and row[0].isdigit()]
    assert ranked[:2] == ["a/m", "b/m"]
    first = next(line for line in told if line.startswith("1 "))
    assert "free" in first and "first token +" in first and "quality +" in first
    rest = next(line for line in told if line.startswith("c/m"))
    assert "resting: rate_limit" in rest and rest.split()[-1] in ("89", "90")
    assert not any(provider.requests for provider in served.providers)


def test_an_unknown_model_is_refused_in_the_servers_words(served, capsys):
    assert main(["explain", "Hello", "-m", "nobody/knows"]) == 1
    assert "404" in capsys.readouterr().err


def test_the_explanation_is_to_be_had_as_json(served, capsys):
    assert main(["explain", "Hello", "--json"]) == 0
    assert '"object": "route.explanation"' in capsys.readouterr().out


def test_when_nobody_can_answer_the_command_fails_and_says_why(served, capsys):
    assert main(["explain", "Hello", "--model", "c/m"]) == 1
    out = capsys.readouterr().out
    assert "nobody can answer now" in out and "resting: rate_limit" in out
