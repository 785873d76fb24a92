"""The `wallas` command: serve, and everything a user does about the server from a shell."""

import argparse
import sys
from collections.abc import Sequence

from wallas.cli import ask, doctor, explain, server, service
from wallas.errors import WallasError
from wallas.settings import load_settings
from wallas.version import VERSION


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 1 failed, 2 not understood, 3 not running, 78 wrong settings."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(load_settings(), options)
        return status
    except WallasError as error:
        print(f"wallas: {error}", file=sys.stderr)
        return 78
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser; each command's ``run`` takes the settings and the options and returns the exit status."""
    top = argparse.ArgumentParser(
        prog="wallas",
        description="One local server, port 8001, for every chat protocol and every provider.",
        epilog="Without a command: serve in the foreground.",
    )
    top.add_argument("--version", action="version", version=f"wallas {VERSION}")
    top.set_defaults(run=server.serve)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, run: object, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        return added

    command("start", server.start, "serve in the background")
    command("stop", server.stop, "end the server; open streams have 30 seconds to finish")
    command("restart", server.restart, "stop, then start")
    command("reload", server.reload, "read keys and wallas.toml again without dropping a request")
    command("status", server.status, "say whether the server runs and answers")
    logs = command("logs", server.logs, "show what the server wrote")
    logs.add_argument("-n", "--lines", type=int, default=100, help="how many of the last lines (default 100)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing new lines")
    command("demo", server.demo, "serve simulated providers that fail on cue: no keys, no network")
    command("doctor", doctor.run, "check this installation and say what to mend")
    models = command("models", ask.models, "list the models that the running server offers")
    models.add_argument("search", nargs="?", default="", help="only models whose id contains this")
    priced = models.add_mutually_exclusive_group()
    priced.add_argument("--free", action="store_true", help="only models that cost nothing")
    priced.add_argument("--paid", action="store_true", help="only models that cost money")
    models.add_argument("--provider", action="append", help="only this provider's (repeatable)")
    models.add_argument("--capability", action="append", help="only those that can do this, e.g. tools (repeatable)")
    models.add_argument("--modality", help="only those that read text, image, audio, video or file")
    models.add_argument("--status", help="only those in this state, e.g. unverified")
    models.add_argument("--context-min", type=int, help="only those with a window of at least so many tokens")
    models.add_argument("--sort", help="id, context, price, quality or provider")
    models.add_argument("--limit", type=int, help="at most so many")
    models.add_argument("--offset", type=int, help="after so many")
    shape = models.add_mutually_exclusive_group()
    shape.add_argument("-l", "--long", action="store_true", help="a table of what is known of each")
    shape.add_argument("--json", action="store_true", help="what the server says")
    chat = command("chat", ask.chat, "ask the running server; without a question, have a conversation")
    chat.add_argument("question", nargs="*", help="what to ask")
    chat.add_argument("-m", "--model", default="auto", help="model or virtual model (default auto)")
    why = command("explain", explain.run, "say who would answer and why, without asking anybody")
    why.add_argument("text", nargs="*", help="what would be asked (default: standard input)")
    why.add_argument("-m", "--model", default="auto", help="model or virtual model (default auto)")
    why.add_argument("--all", action="store_true", help="show every exclusion")
    why.add_argument("--json", action="store_true", help="print the explanation as the server gives it")
    database = commands.add_parser("db", help="look after the database", description="look after the database")
    tasks = database.add_subparsers(title="commands", metavar="COMMAND", required=True)
    tasks.add_parser("upgrade", help="bring the schema up to date").set_defaults(run=server.upgrade_database)
    systemd = commands.add_parser("service", help="run as a systemd service", description="run as a systemd service")
    steps = systemd.add_subparsers(title="commands", metavar="COMMAND", required=True)
    install = steps.add_parser("install", help="write the unit and say how to start it")
    install.add_argument("--print", action="store_true", dest="show", help="print the unit, write nothing")
    install.set_defaults(run=service.install)
    return top
