"""The one arrow of the design, read from the imports: pipeline imports operators; operators is a library that knows no program."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VOCABULARY = {
    "timeline", "media", "facts", "facts_json", "records", "protocols", "errors", "moments", "windows", "sentences", "acoustics", "cells",
}  # fmt: skip
PROGRAM = {"pipeline", "ray", "asyncio", "kafka", "typer", "click", "argparse"}
HEAVY = {
    "torch",
    "transformers",
    "decord",
    "onnxruntime",
    "rapidocr",
    "faster_whisper",
    "ctranslate2",
    "pocketsphinx",
    "silero_vad",
    "ray",
}
NETWORK = ROOT / "operators" / "fusion" / "network"
"""Torch's own room: what is in it is torch through and through, and is imported only when an operator opens, or by itself."""
RAY_ROOMS = {"ray_cluster.py", "ray_runtime.py", "ray_train.py", "telemetry.py"}


@dataclass(frozen=True)
class Import:
    module: str
    eager: bool
    """Done when the module itself is imported: neither in a function nor for type checkers only."""


def imports(source: str) -> list[Import]:
    return list(_walk(ast.parse(source), eager=True))


def _walk(node: ast.AST, eager: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(a.name, eager) for a in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            yield from (Import(f"{child.module}.{a.name}", eager) for a in child.names)
        else:
            lazy = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _for_type_checkers(child)
            yield from _walk(child, eager and not lazy)


def _for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def family(path: Path) -> str:
    return path.relative_to(ROOT / "operators").parts[0].removesuffix(".py")


def top(module: str) -> str:
    return module.split(".", 1)[0]


def each(package: str) -> pytest.MarkDecorator:
    found = modules(package)
    return pytest.mark.parametrize("path", found, ids=[str(p.relative_to(ROOT)) for p in found])


def test_imports_are_read_wherever_they_stand() -> None:
    source = "import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import e\ndef f():\n    import g\nclass H:\n    import i\n"
    assert imports(source) == [Import("a.b", True), Import("c.d", True), Import("e", False), Import("g", False), Import("i", True)]


@each("operators")
def test_operators_know_no_program(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not {i.module for i in imports(source)} & {"os.environ", "os.getenv"}
    assert not {top(i.module) for i in imports(source)} & PROGRAM
    read = {
        n.attr for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "os"
    }
    assert not read & {"environ", "getenv", "putenv"}, "only pipeline/config.py and its kin read the environment"


@each("operators")
def test_families_do_not_import_each_other(path: Path) -> None:
    inside = [i.module.split(".") for i in imports(path.read_text(encoding="utf-8")) if top(i.module) == "operators"]
    allowed = VOCABULARY if family(path) in VOCABULARY else VOCABULARY | {family(path)}
    assert {parts[1] for parts in inside if len(parts) > 1} <= allowed


@each("operators")
def test_heavy_libraries_are_imported_when_an_operator_opens(path: Path) -> None:
    eager = {i.module for i in imports(path.read_text(encoding="utf-8")) if i.eager}
    if NETWORK not in path.parents:
        assert not {top(m) for m in eager} & HEAVY
        assert not [m for m in eager if m.startswith("operators.fusion.network")]


@each("pipeline")
def test_ray_and_models_have_their_rooms(path: Path) -> None:
    found = imports(path.read_text(encoding="utf-8"))
    if path.name not in RAY_ROOMS:
        assert "ray" not in {top(i.module) for i in found}
    assert not {top(i.module) for i in found if i.eager} & (HEAVY - {"ray"})
    assert not [i.module for i in found if i.eager and i.module.startswith("operators.fusion.network")]


def test_importing_operators_stays_light() -> None:
    light = [p for p in modules("operators") if NETWORK not in p.parents]
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in light]
    unwanted = HEAVY | PROGRAM - {"asyncio", "argparse"}
    code = f"import sys\nfor name in {names!r}: __import__(name)\nprint(sorted(set(sys.modules) & {unwanted!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
