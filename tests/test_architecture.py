"""The direction of imports (docs/architecture.md): down only, never up, never sideways."""

import ast
from pathlib import Path

import pytest

from wallas.settings import ROOT

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"types", "errors", "settings", "version", "grace", "ids", "pages", "waits"}),
    frozenset({"codecs", "transport", "models", "storage", "server"}),
    frozenset({"catalog", "quota", "health", "media"}),
    frozenset({"providers", "content", "integrations"}),
    frozenset({"routing"}),
    frozenset({"realtime"}),
    frozenset({"blueprints"}),
    frozenset(
        {"app", "service", "jobs", "journal", "sharing", "refresh", "simulated", "demo", "welcome", "pidfile", "videos"}
    ),
    frozenset({"master", "cli", "wsgi", "__main__"}),
)
"""From the lowest up. Inside a layer nobody knows a neighbour, unless `NEIGHBOURS` says so."""

NEIGHBOURS = {
    ("models", "types"),
    ("storage", "models"),
    ("settings", "errors"),
    ("types", "errors"),
    ("health", "quota"),
    ("service", "master"),
    ("providers", "content"),
}
"""(who, whom) that the plan allows beside the layers.

The service checks and migrates the database as the master does; programs of this machine are providers that run
guarded children.
"""

TOP = frozenset(
    {"app", "service", "jobs", "journal", "sharing", "refresh", "simulated", "demo", "welcome", "pidfile", "videos"}
)
"""Wires things together: these know each other."""

FLASK_ONLY = frozenset({"blueprints", "app"})
SQL_ONLY = frozenset({"models", "storage", "service", "sharing", "journal", "jobs", "videos", "refresh"})
SANS_IO = frozenset({"codecs", "types"})


def part(module: str) -> str:
    """Return the part of the package that a module belongs to: `settings_toml` is `settings`'."""
    name = module.split(".")[1] if "." in module else "__init__"
    whole = name.partition("_")[0]
    return whole if any(whole in names for names in LAYERS) else name


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in the file, but for type checking only."""
    tree = ast.parse(path.read_text(), str(path))
    ignored = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in ignored:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            if node.module == "wallas":
                found |= {f"wallas.{alias.name}" for alias in node.names}
    return found


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    files = sorted((ROOT / "wallas").rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def level(name: str) -> int:
    """Return the layer of a part; fail for a part that the plan does not know."""
    for number, names in enumerate(LAYERS):
        if name in names:
            return number
    raise AssertionError(f"wallas/{name} is in no layer: put it into LAYERS in tests/test_architecture.py")


def allowed(who: str, whom: str) -> bool:
    """Return whether part ``who`` may import part ``whom``."""
    if who == whom or (who, whom) in NEIGHBOURS or (who in TOP and whom in TOP):
        return True
    return level(whom) < level(who) or who in LAYERS[-1]


@pytest.mark.parametrize("module", [name for name in modules() if name != "wallas"])
def test_a_module_imports_only_from_below(module):
    who = part(module)
    ours = {name for name in imports(modules()[module]) if name.startswith("wallas.")}
    wrong = sorted(name for name in ours if not allowed(who, part(name)))
    assert wrong == [], f"{module} ({who}) must not import these"


def test_only_blueprints_know_flask_and_only_storage_knows_sql():
    for module, path in modules().items():
        outside = {name.split(".")[0] for name in imports(path)}
        who = part(module) if "." in module else "app"
        assert not outside & {"flask", "werkzeug", "flask_sock"} or who in FLASK_ONLY, f"{module} imports Flask"
        assert not outside & {"sqlalchemy", "alembic"} or who in SQL_ONLY, f"{module} imports SQLAlchemy"


def test_codecs_and_types_do_no_input_and_output():
    for module, path in modules().items():
        if part(module) in SANS_IO:
            outside = {name.split(".")[0] for name in imports(path)}
            assert not outside & {"socket", "requests", "urllib3", "threading", "asyncio", "subprocess"}, module


def test_a_provider_knows_no_other_provider_and_nothing_depends_on_litellm():
    for module, path in modules().items():
        assert not any(name.split(".")[0] == "litellm" for name in imports(path)), module


def test_a_forbidden_import_would_be_found(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("def f():\n    from wallas import routing\n    from wallas.storage.engine import writing\n")
    assert {"wallas.routing", "wallas.storage.engine"} <= imports(file)
    assert (
        not allowed("codecs", "routing")
        and not allowed("providers", "blueprints")
        and not allowed("codecs", "transport")
    )
    assert allowed("routing", "codecs")
