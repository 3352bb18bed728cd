"""The node tree of one YAML document, from PyYAML's composer with limits and clear errors."""

from __future__ import annotations

import re
from typing import Any, cast

import yaml
from yaml import events, nodes

from sweep_service.model.language.plain import MAX_DEPTH
from sweep_service.model.language.report import excerpt

PREFIX = "tag:yaml.org,2002:"
_LOOKS_LIKE_PYTHON = re.compile(r"\s*(import |from |def |[A-Za-z_][A-Za-z0-9_]*\s*=\s*[\[{(])")
_ADVICE = {
    "found character '\\t' that cannot start any token": "found a tab; indent with spaces",
    "mapping values are not allowed here": (
        "found a ':' where none can be; check the indentation, and quote text that contains ': '"
    ),
}


class Refused(Exception):
    """The text cannot be a sweep file; ``line`` is 1-based."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class PlainScalar(nodes.ScalarNode):
    """A scalar that is written without quotes and without a tag."""


Node = nodes.ScalarNode | nodes.SequenceNode | nodes.MappingNode


def compose(text: str) -> Node | None:
    """The tree of the only document, with aliases as shared nodes; None for an empty file.

    Raises:
        Refused: The text is not YAML, holds two documents, nests too deeply, or has an alias
            without anchor or within its own anchor.
    """
    try:
        return cast("Node | None", _Composer(text).get_single_node())
    except yaml.reader.ReaderError as error:
        raise Refused(
            f"holds the character U+{int(error.character):04X}, which YAML does not allow; "
            "save the file as plain UTF-8 text",
            text.count("\n", 0, error.position) + 1,
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Refused(_explain(text, error), mark.line + 1 if mark else None) from None


def line_of(item: nodes.Node | events.Event) -> int:
    """The 1-based line on which a node or event starts."""
    return item.start_mark.line + 1 if item.start_mark is not None else 1


class _Composer(yaml.SafeLoader):
    """PyYAML's composer, limited in depth; anchors may be reused, but not within themselves."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._open_anchors: set[str | None] = set()

    def compose_node(self, parent: nodes.Node | None, index: Any) -> nodes.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in PyYAML's stubs
        anchor = event.anchor
        if isinstance(event, events.AliasEvent):
            if anchor not in self.anchors:
                raise Refused(f"*{excerpt(anchor)} names no anchor above it", line_of(event))
            if anchor in self._open_anchors:
                raise Refused(f"*{excerpt(anchor)} contains itself", line_of(event))
            return super().compose_node(parent, index)
        is_collection = isinstance(event, events.CollectionStartEvent)
        if is_collection and self._depth == MAX_DEPTH:
            raise Refused(f"is nested more than {MAX_DEPTH} levels deep", line_of(event))
        self.anchors.pop(anchor, None)  # PyYAML refuses to define an anchor again; YAML does not
        self._open_anchors.add(anchor)
        self._depth += is_collection
        node = super().compose_node(parent, index)
        self._depth -= is_collection
        self._open_anchors.discard(anchor)
        return node

    def compose_scalar_node(self, anchor: Any) -> nodes.ScalarNode:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in PyYAML's stubs
        node = super().compose_scalar_node(anchor)
        if event.tag is not None or not event.implicit[0]:
            return node
        plain = PlainScalar(node.tag, node.value, node.start_mark, node.end_mark)
        if anchor is not None:
            self.anchors[anchor] = plain
        return plain


def _explain(text: str, error: yaml.MarkedYAMLError) -> str:
    if error.problem == "but found another document":
        return "a second document starts here; keep one"
    if _LOOKS_LIKE_PYTHON.match(text):
        return "this looks like Python, not YAML; a sweep file has lines such as 'method: random'"
    problem = str(error.problem or error.context).splitlines()[0]
    if problem.startswith("found unknown escape character"):
        character = text[error.problem_mark.index] if error.problem_mark else ""
        return (
            f"is not valid YAML: found \\{character} between double quotes; use single quotes, in"
            " which a backslash is literal"
        )
    context = f" {error.context.splitlines()[0]}" if error.context and error.problem else ""
    return f"is not valid YAML: {_ADVICE.get(problem, problem + context)}"
