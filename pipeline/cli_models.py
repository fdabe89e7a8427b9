"""`capstream models`: what can be had by name, and what is here."""

import sys
from typing import Annotated

import typer

models = typer.Typer(help="The models: what can be had by name, what is here.", rich_markup_mode=None)


@models.command("list")
def list_models() -> None:
    """What can be had by name, and which of it is here."""
    from pipeline.models import cached, catalogue

    here = cached()
    for name, entry in catalogue().items():
        size, state = f"{entry.size_mb or '?'} MB", "fetched" if name in here else "-"
        print(f"{name:24}{entry.role:11}{size:>8}  {entry.licence:14}{state:9}{entry.title}")
    for name in sorted(here.keys() - catalogue().keys()):
        print(f"{name}  fetched, in {here[name]}")


@models.command()
def fetch(names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of the catalogue, or hub ids.")]) -> None:
    """Fetch models and verify them; what is here already stays."""
    from pipeline.models import resolve

    for name in names:
        print(resolve(name, lambda line: print(line, file=sys.stderr)))


@models.command()
def verify(names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="All that are fetched, without.")] = None) -> int:
    """Read fetched models again and compare every file with its SHA-256."""
    from pipeline import models as store

    faults = {name: store.verify(name) for name in names or store.cached()}
    for name, wrong in faults.items():
        print(f"{name}: {'; '.join(wrong) or 'as it was fetched'}")
    if bad := [name for name, wrong in faults.items() if wrong]:
        print(f"capstream: not what was fetched: {', '.join(bad)}; capstream models remove it, then fetch it again", file=sys.stderr)
        return 1
    return 0


@models.command()
def remove(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Take fetched models off the disk."""
    from pipeline import models as store

    for name in names:
        print(f"{name}: {'removed' if store.remove(name) else 'was not here'}")
