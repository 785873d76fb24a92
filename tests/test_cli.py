"""The `wallas` command, run as a user runs it, on a copy of nothing: settings by environment, a port of its own."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.live import environment
from tests.postgres import free_port
from wallas import pidfile
from wallas.cli import main, service
from wallas.settings import ROOT, load_settings
from wallas.storage.migrate import is_current
from wallas.version import VERSION


@pytest.fixture
def wallas(tmp_path):
    """Return a function that runs the command and returns (status, output, errors)."""
    port = free_port()

    def run(*arguments: str, **more: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "wallas", *arguments],
            cwd=ROOT,
            env=environment(tmp_path, port, more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr

    run.port = port
    return run


class Answers(BaseHTTPRequestHandler):
    """Enough of a gateway to be asked for models and an answer; remembers who asked."""

    seen: list[str] = []

    def do_GET(self):
        self.seen.append(self.path)
        self.answer(json.dumps({"data": [{"id": "auto"}, {"id": "groq/m"}]}).encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append(f"{self.headers.get('authorization')} {body['model']} {body['messages'][-1]['content']}")
        if body["model"] == "none":
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b'{"error": {"message": "no such model"}}')
            return
        pieces = [{"choices": [{"delta": {"content": word}}]} for word in ("Hel", "lo")]
        self.answer(
            b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces) + b"data: [DONE]\n\n"
        )

    def answer(self, body: bytes):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway(wallas):
    """Answer on the command's port; yield what was asked."""
    Answers.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", wallas.port), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Answers.seen
    server.shutdown()
    server.server_close()


def test_it_tells_its_version(wallas):
    assert wallas("--version") == (0, f"wallas {VERSION}\n", "")


def test_a_word_it_does_not_know_is_an_error_that_names_the_commands(wallas):
    status, _, errors = wallas("begin")
    assert status == 2 and "start" in errors and "doctor" in errors


def test_wrong_settings_are_said_without_a_traceback(wallas):
    status, _, errors = wallas("status", WALLAS_WORKERS="none")
    assert (status, errors) == (78, "wallas: WALLAS_WORKERS: 'none' is not a whole number from 1 to 128\n")


@pytest.mark.parametrize("command", ["stop", "status", "reload"])
def test_a_server_that_does_not_run_is_said_with_status_3(wallas, command):
    assert wallas(command)[:2] == (3, "Wallas is not running.\n")


def test_a_server_in_the_background_starts_tells_its_state_reloads_and_stops(wallas):
    try:
        status, output, errors = wallas("start")
        assert (status, errors) == (0, "") and f"http://127.0.0.1:{wallas.port}" in output
        assert "runs already" in wallas("start")[1]
        assert wallas("status")[0] == 0
        assert wallas("reload")[0] == 0
        assert wallas("logs", "-n", "5")[0] == 0
    finally:
        status, output, _ = wallas("stop")
    assert (status, output) == (0, "Wallas has stopped.\n")
    assert wallas("status")[0] == 3


def test_a_start_that_fails_says_why(wallas, tmp_path):
    (tmp_path / "wallas.sqlite").write_bytes(b"no database " * 1000)
    status, _, errors = wallas("start")
    assert status == 78 and str(tmp_path / "wallas.sqlite") in errors


def test_a_port_open_to_others_is_refused_before_anything_starts(wallas):
    for command in ([], ["start"], ["demo"]):
        status, _, errors = wallas(*command, WALLAS_HOST="0.0.0.0")
        assert status == 78 and "PROXY_API_KEY" in errors


def test_the_database_is_brought_up_to_date(wallas, tmp_path):
    status, output, errors = wallas("db", "upgrade")
    assert (status, output, errors) == (0, "The database is up to date.\n", "")
    assert is_current(f"sqlite:///{tmp_path / 'wallas.sqlite'}")


def test_the_doctor_finds_nothing_wrong_here_and_shows_no_key(wallas):
    status, output, errors = wallas("doctor", GROQ_API_KEY="hush-1,hush-2")
    assert (status, errors) == (0, "")
    assert "GROQ_API_KEY 2" in output and "hush" not in output
    assert "no Ollama" in output and "SQLite" in output


def test_the_doctor_fails_for_a_damaged_database_and_a_port_that_is_taken(wallas, tmp_path, gateway):
    (tmp_path / "wallas.sqlite").write_bytes(b"no database " * 1000)
    status, output, _ = wallas("doctor", WALLAS_HOST="0.0.0.0")
    assert status == 1
    assert str(tmp_path / "wallas.sqlite") in output and "PROXY_API_KEY" in output


def test_models_of_the_running_server_are_listed(wallas, gateway):
    assert wallas("models", "groq", "--free") == (0, "auto\ngroq/m\n", "")
    assert gateway == ["/v1/models?search=groq&pricing=free"]
    status, shown, _ = wallas(
        "models", "--long", "--capability", "tools", "--capability", "vision", "--context-min", "9"
    )
    assert status == 0 and shown.splitlines()[0].split()[:3] == ["id", "state", "context"]
    assert gateway[1:] == ["/v1/models?capability=tools&capability=vision&context_min=9"]
    assert wallas("models", "--free", "--paid")[0] == 2


def test_an_answer_is_printed_as_it_comes_and_the_clients_key_is_sent(wallas, gateway):
    assert wallas("chat", "-m", "rapido", "how", "are you", PROXY_API_KEY="k1") == (0, "Hello\n", "")
    assert gateway == ["Bearer k1 rapido how are you"]


def test_an_error_of_the_server_is_said_in_its_own_words(wallas, gateway):
    assert wallas("chat", "-m", "none", "hello") == (1, "", "\nwallas: 404: no such model\n")


def test_asking_a_server_that_does_not_run_says_how_to_start_it(wallas):
    status, _, errors = wallas("models")
    assert status == 1 and "wallas start" in errors


def test_the_service_unit_names_this_checkout_and_interpreter(capsys):
    assert main(["service", "install", "--print"]) == 0
    unit = capsys.readouterr().out
    assert f"ExecStart={sys.executable} -m gunicorn -c {ROOT}/gunicorn.conf.py wsgi:app" in unit
    assert "/opt/wallas" not in unit
    assert "User=" not in service.unit(as_root=False) and "default.target" in service.unit(as_root=False)


def test_a_stale_pid_file_that_names_somebody_elses_process_is_not_believed(tmp_path):
    settings = load_settings({"WALLAS_PORT": "1"}, directory=tmp_path)
    settings.instance.mkdir()
    pidfile.pid_path(settings).write_text(f"{os.getpid()}\n")
    assert pidfile.running_pid(settings) is None
    for text in ("", "x", "0", "999999999"):
        pidfile.pid_path(settings).write_text(text)
        assert pidfile.running_pid(settings) is None


def test_a_gunicorn_of_another_checkout_is_not_ours(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("")
    other = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", "gunicorn", "-c", "gunicorn.conf.py"], cwd=tmp_path
    )
    ours = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", "gunicorn", "-c", "gunicorn.conf.py"], cwd=ROOT
    )
    try:
        for process in (other, ours):  # the kernel tells a command line a moment after the program has begun
            limit = time.monotonic() + 10
            while not any(pidfile.command_line(process.pid)[0]) and time.monotonic() < limit:
                time.sleep(0.01)
        assert (pidfile.is_ours(other.pid), pidfile.is_ours(ours.pid)) == (False, True)
    finally:
        for process in (other, ours):
            process.kill()
            process.wait()


def test_the_pid_file_is_only_taken_away_by_its_own_process(tmp_path):
    settings = load_settings({}, directory=tmp_path)
    pidfile.write_pid(settings)
    path = pidfile.pid_path(settings)
    assert int(path.read_text()) == os.getpid()
    path.write_text("1\n")
    pidfile.remove_pid(settings)
    assert Path(path).exists()
