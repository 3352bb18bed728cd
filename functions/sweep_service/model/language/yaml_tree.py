"""The tree of one YAML document, made from parser events: no recursion, no code, no surprises."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml
from yaml import events

from sweep_service.model.language.plain import MAX_DEPTH
from sweep_service.model.language.report import excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = "tag:yaml.org,2002:"
MERGE = f"{PREFIX}merge"
_LOOKS_LIKE_PYTHON = re.compile(r"\s*(import |from |def |[A-Za-z_][A-Za-z0-9_]*\s*=\s*[\[{(])")
_MENDS = {
    "found character '\\t' that cannot start any token": "found a tab; indent with spaces",
    "mapping values are not allowed here": (
        "found a ':' where none can be; check the indentation, and quote text that contains ': '"
    ),
}


class Refused(Exception):
    """The text is not what a sweep file can be; ``line`` is 1-based."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass
class Scalar:
    """A scalar; ``is_plain`` when it stands unquoted and without a tag."""

    tag: str
    text: str
    is_plain: bool
    line: int


@dataclass
class Items:
    """A list; ``tag`` is None unless the author gave one."""

    tag: str | None
    line: int
    items: list[Node] = field(default_factory=list)


@dataclass
class Pairs:
    """A map; ``items`` holds key, value, key, value, ..."""

    tag: str | None
    line: int
    items: list[Node] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Keys with their values, in the author's order."""
        return zip(self.items[::2], self.items[1::2], strict=True)


Node = Scalar | Items | Pairs


def compose(text: str) -> Node | None:
    """The tree of the one document, with aliases as shared nodes; None when there is none.

    Raises:
        Refused: The text is not YAML, holds two documents, nests too deeply, or has an alias
            without anchor or within its own anchor.
    """
    roots: list[Node] = []
    open_nodes: list[Items | Pairs] = []
    anchors: dict[str, Node] = {}
    for event in _events(text):
        if isinstance(event, events.DocumentStartEvent) and roots:
            raise Refused("a second document starts here; keep one", _line(event))
        if isinstance(event, events.CollectionEndEvent):
            open_nodes.pop()
        if not isinstance(event, events.NodeEvent):
            continue
        node = _alias(event, anchors, open_nodes) or _node(event)
        (open_nodes[-1].items if open_nodes else roots).append(node)
        if not isinstance(event, events.AliasEvent):
            if event.anchor is not None:
                anchors[event.anchor] = node
            if not isinstance(node, Scalar):
                open_nodes.append(node)
        if len(open_nodes) > MAX_DEPTH:
            raise Refused(f"is nested more than {MAX_DEPTH} levels deep", _line(event))
    return roots[0] if roots else None


def _events(text: str) -> Iterator[events.Event]:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Refused(
            f"holds the character U+{int(error.character):04X}, which YAML does not allow; "
            "save the file as plain UTF-8 text",
            line,
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Refused(_explain(text, error), mark.line + 1 if mark else None) from None


def _explain(text: str, error: yaml.MarkedYAMLError) -> str:
    if _LOOKS_LIKE_PYTHON.match(text):
        return "this looks like Python, not YAML; a sweep file has lines such as 'method: random'"
    problem = str(error.problem or error.context).splitlines()[0]
    if problem.startswith("found unknown escape character"):
        character = text[error.problem_mark.index] if error.problem_mark else ""
        return (
            f"is not valid YAML: found \\{character} between double quotes; use single quotes, in"
            " which a backslash stands for itself"
        )
    context = f" {error.context.splitlines()[0]}" if error.context and error.problem else ""
    return f"is not valid YAML: {_MENDS.get(problem, problem + context)}"


def _line(event: events.Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark is not None else 1


def _alias(
    event: events.NodeEvent, anchors: dict[str, Node], open_nodes: list[Items | Pairs]
) -> Node | None:
    if not isinstance(event, events.AliasEvent):
        return None
    name = event.anchor or ""
    node = anchors.get(name)
    if node is None:
        raise Refused(f"*{excerpt(name)} names no anchor above it", _line(event))
    if any(node is open_node for open_node in open_nodes):
        raise Refused(f"*{excerpt(name)} contains itself", _line(event))
    return node


_resolve: Callable[..., str] = yaml.resolver.Resolver().resolve


def _node(event: events.NodeEvent) -> Node:
    if isinstance(event, events.ScalarEvent):
        tag = event.tag
        is_plain = tag is None and event.implicit[0]
        if tag is None or tag == "!":
            tag = _resolve(yaml.ScalarNode, event.value, event.implicit)
        return Scalar(tag, event.value, is_plain, _line(event))
    if isinstance(event, events.SequenceStartEvent):
        return Items(_explicit(event.tag), _line(event))
    if isinstance(event, events.MappingStartEvent):
        return Pairs(_explicit(event.tag), _line(event))
    raise TypeError(f"no node starts with {event}")


def _explicit(tag: str | None) -> str | None:
    return None if tag == "!" else tag
