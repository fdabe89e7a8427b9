"""The pages on extending are true: their Python runs as it stands."""

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs" / "extending").glob("*.md"))


def test_there_is_a_page_for_each_family() -> None:
    assert [p.stem for p in PAGES] == ["captioner", "detector", "recogniser", "source"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_examples_run(page: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    assert len(blocks) == 2
    code = compile("\n".join(blocks), str(page), "exec", dont_inherit=True)
    exec(code, {"__name__": page.stem})
