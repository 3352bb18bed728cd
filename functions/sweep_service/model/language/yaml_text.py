"""Reads the text of a sweep file, which is YAML 1.1 as W&B reads it, into plain JSON.

The quirks of YAML 1.1 that surprise authors of sweep files are handled here, while the original
text is available: keys that would be booleans remain text, numbers that would be text are marked,
duplicate keys are reported with both of their lines, and dates remain as written. Only the node
tree comes from PyYAML; no objects are constructed, and tags outside the safe set are refused.
Aliases are expanded within limits, so that a small file cannot become a large document.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import yaml
from yaml.events import AliasEvent, CollectionStartEvent, Event
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from sweep_service.model.language.fields import PlainNumber, text_to_number
from sweep_service.model.language.plain import MAX_DEPTH, MAX_VALUES
from sweep_service.model.language.report import Place, Report, excerpt
from sweep_service.model.language.yaml_surprises import are_hashes, surprise

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX = "tag:yaml.org,2002:"
_LOOKS_LIKE_PYTHON = re.compile(r"\s*(import |from |def |[A-Za-z_][A-Za-z0-9_]*\s*=\s*[\[{(])")
_ADVICE = {
    "found character '\\t' that cannot start any token": "found a tab; indent with spaces",
    "mapping values are not allowed here": (
        "found a ':' where none can be; check the indentation, and quote text that contains ': '"
    ),
}
_MERGE = f"{_PREFIX}merge"
#: Keys and values in a file; PyYAML takes half a second to read them.
_MOST_NODES = 30_000


class _Refused(Exception):
    """The text cannot be a sweep file; ``line`` is 1-based."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class _PlainScalar(ScalarNode):
    """A scalar that is written without quotes and without a tag."""


Node = ScalarNode | SequenceNode | MappingNode


@dataclass(frozen=True)
class YamlFile:
    """A sweep file as read.

    Attributes:
        document: Plain JSON; unquoted numbers that YAML 1.1 takes for text are ``PlainNumber``.
        report: Warnings from reading, and the lines of all places.
    """

    document: Any
    report: Report


def read_yaml(text: str) -> YamlFile:
    """Read the text of a sweep file.

    Raises:
        InvalidConfig: It is not one YAML document of plain values; says at which line.
    """
    lines: dict[Place, int] = {}
    report = Report(lines)
    try:
        node = _compose(_without_tabs_of_json(text))
        document = _Builder(lines, report).build(node, ()) if node is not None else None
    except _Refused as refused:
        report.error((), refused.message, refused.line)
        document = None
    report.raise_errors()
    return YamlFile(document, report)


def _without_tabs_of_json(text: str) -> str:
    """The text with its tabs replaced by spaces if it is JSON.

    JSON may be indented with tabs, whereas YAML may not. JSON strings contain no literal tabs.
    """
    if "\t" not in text or not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")


def _compose(text: str) -> Node | None:
    """The tree of the only document, with aliases as shared nodes; None for an empty file.

    Raises:
        _Refused: The text is not YAML, holds two documents, nests too deeply, or has an alias
            without anchor or within its own anchor.
    """
    try:
        return cast("Node | None", _Composer(text).get_single_node())
    except yaml.reader.ReaderError as error:
        raise _Refused(
            f"holds the character U+{int(error.character):04X}, which YAML does not allow; "
            "save the file as plain UTF-8 text",
            text.count("\n", 0, error.position) + 1,
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Refused(_explain(text, error), mark.line + 1 if mark else None) from None


def _line_of(item: yaml.nodes.Node | Event) -> int:
    """The 1-based line on which a node or event starts."""
    return item.start_mark.line + 1 if item.start_mark is not None else 1


class _Composer(yaml.SafeLoader):
    """PyYAML's composer, limited in depth; anchors may be reused, but not within themselves."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._n_nodes = 0
        self._open_anchors: set[str | None] = set()
        self._looked_at = -1

    def stale_possible_simple_keys(self) -> None:
        """Forget what cannot be a key any more; PyYAML does it ten times for each token."""
        if self.index != self._looked_at:
            self._looked_at = self.index
            super().stale_possible_simple_keys()

    def compose_node(self, parent: yaml.nodes.Node | None, index: Any) -> yaml.nodes.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in PyYAML's stubs
        anchor = event.anchor
        if isinstance(event, AliasEvent):
            if anchor not in self.anchors:
                raise _Refused(f"*{excerpt(anchor)} names no anchor above it", _line_of(event))
            if anchor in self._open_anchors:
                raise _Refused(f"*{excerpt(anchor)} contains itself", _line_of(event))
            return super().compose_node(parent, index)
        self._n_nodes += 1
        if self._n_nodes > _MOST_NODES:
            advice = "give ranges, or fewer values"
            raise _Refused(f"holds more than {_MOST_NODES:,} keys and values; {advice}", None)
        is_collection = isinstance(event, CollectionStartEvent)
        if is_collection and self._depth == MAX_DEPTH:
            raise _Refused(f"is nested more than {MAX_DEPTH} levels deep", _line_of(event))
        self.anchors.pop(anchor, None)  # PyYAML refuses to define an anchor again; YAML does not
        self._open_anchors.add(anchor)
        self._depth += is_collection
        node = super().compose_node(parent, index)
        self._depth -= is_collection
        self._open_anchors.discard(anchor)
        return node

    def compose_scalar_node(self, anchor: Any) -> ScalarNode:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in PyYAML's stubs
        node = super().compose_scalar_node(anchor)
        if event.tag is not None or not event.implicit[0]:
            return node
        plain = _PlainScalar(node.tag, node.value, node.start_mark, node.end_mark)
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


class _Builder:
    """Makes plain JSON from a node tree; recursion is limited by the depth of the tree."""

    def __init__(self, lines: dict[Place, int], report: Report) -> None:
        self._lines = lines
        self._report = report
        self._n_values = 0
        self._constructor = yaml.constructor.SafeConstructor()
        self._reported_twins: set[tuple[int, int]] = set()

    def build(self, node: Node, place: Place) -> Any:
        self._count(node, len(place))
        if isinstance(node, ScalarNode):
            return self._scalar(node, place)
        if isinstance(node, SequenceNode):
            return self._list(node, place)
        return self._map(node, place)

    def _count(self, node: Node, depth: int, n_values: int = 1) -> None:
        self._n_values += n_values
        if self._n_values > MAX_VALUES or depth > MAX_DEPTH:
            limits = f"{MAX_VALUES} values or deeper than {MAX_DEPTH} levels"
            raise _Refused(f"aliases make it larger than {limits}", _line_of(node))

    def _list(self, node: SequenceNode, place: Place) -> list[Any]:
        if node.tag in (f"{_PREFIX}omap", f"{_PREFIX}pairs"):
            self._report.warn(place, f"{_short(node.tag)} is kept as a plain list", _line_of(node))
        elif node.tag != f"{_PREFIX}seq":
            raise _unknown_tag(node)
        plain = [item.value for item in node.value if isinstance(item, _PlainScalar)]
        if len(plain) == len(node.value) and are_hashes(plain):
            return self._hashes(node, place)
        texts = [
            item.value for item in node.value if isinstance(item, ScalarNode) and _is_text(item)
        ]
        built = []
        for index, item in enumerate(node.value):
            here = (*place, index)
            self._lines[here] = _line_of(item)
            if isinstance(item, ScalarNode):
                self._count(item, len(here))
                built.append(self._scalar(item, here, texts))
            else:
                built.append(self.build(item, here))
        return built

    def _hashes(self, node: SequenceNode, place: Place) -> list[str]:
        """A list of unquoted hashes; those that look like numbers remain text."""
        scalars = [item for item in node.value if isinstance(item, ScalarNode)]
        for index, item in enumerate(scalars):
            here = (*place, index)
            self._lines[here] = _line_of(item)
            self._count(item, len(here))
        numbers = [item.value for item in scalars if _looks_like_number(item)]
        if numbers:
            self._report.warn(
                place,
                f"{', '.join(numbers)} could be read as numbers; kept as texts, like the others:"
                " quote them",
                _line_of(node),
            )
        return [item.value for item in scalars]

    def _map(self, node: MappingNode, place: Place) -> Any:
        if node.tag == f"{_PREFIX}set":
            self._report.warn(place, "found a set; kept as a list", _line_of(node))
            return [self.build(key, (*place, index)) for index, (key, _) in enumerate(node.value)]
        if node.tag != f"{_PREFIX}map":
            raise _unknown_tag(node)
        built: dict[str, Any] = {}
        for name, (line, value) in self._entries(node, place, len(place)).items():
            here = (*place, name)
            self._lines[here] = line
            built[name] = self.build(value, here)
        return built

    def _entries(self, node: MappingNode, place: Place, depth: int) -> dict[str, tuple[int, Node]]:
        """Key -> (line, value). Merged maps come first and are overridden by the map's own keys."""
        self._count(node, depth)
        entries: dict[str, tuple[int, Node]] = {}
        own_lines: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.tag == _MERGE:
                for merged in reversed(_merged_maps(value)):
                    copied = self._entries(merged, place, depth + 1)
                    self._count(merged, depth, len(copied))
                    entries.update(copied)
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise _Refused("a list or map cannot be a key", _line_of(key))
            if key.tag == _MERGE:
                continue
            self._check_key(key, own_lines.get(key.value), place)
            own_lines[key.value] = _line_of(key)
            entries[key.value] = (_line_of(key), value)
        return entries

    def _check_key(self, key: ScalarNode, earlier_line: int | None, place: Place) -> None:
        here = (*place, key.value)
        if earlier_line is not None and (earlier_line, _line_of(key)) not in self._reported_twins:
            self._reported_twins.add((earlier_line, _line_of(key)))
            self._report.warn(
                here,
                f"is given twice, on lines {earlier_line} and {_line_of(key)}; the last one counts",
                _line_of(key),
            )
        if key.tag not in (f"{_PREFIX}str", f"{_PREFIX}value"):
            kind = key.tag[len(_PREFIX) :]
            self._report.warn(
                here, f"YAML reads the key as {kind}; kept as the text '{key.value}'", _line_of(key)
            )

    def _scalar(self, node: ScalarNode, place: Place, neighbours: Sequence[str] = ()) -> Any:
        kind = node.tag[len(_PREFIX) :] if node.tag.startswith(_PREFIX) else ""
        if kind in ("str", "value", "merge"):
            is_number = isinstance(node, _PlainScalar) and text_to_number(node.value) is not None
            return PlainNumber(node.value) if is_number else node.value
        if kind in ("timestamp", "binary"):
            text = "".join(node.value.split()) if kind == "binary" else node.value
            message = f"YAML reads this as {kind}; kept as the text '{text}'"
            self._report.warn(place, message, _line_of(node))
            return text
        if kind not in ("null", "bool", "int", "float"):
            raise _unknown_tag(node)
        value = self._value(node)
        read_as = (
            surprise(node.value, value, neighbours) if isinstance(node, _PlainScalar) else None
        )
        if read_as is not None:
            advice = f"quote it ('{node.value}') to keep the text"
            self._report.warn(
                place, f"YAML reads {node.value} as {read_as}; {advice}", _line_of(node)
            )
        return value

    def _value(self, node: ScalarNode) -> Any:
        try:
            value = self._constructor.construct_object(node)
            if isinstance(value, int):
                str(value)  # Python refuses to write out what has thousands of digits
            return value
        except (ValueError, LookupError, OverflowError):
            raise _Refused(
                f"'{excerpt(node.value)}' cannot be read as {_short(node.tag)}", _line_of(node)
            ) from None


def _is_text(node: ScalarNode) -> bool:
    """Whether a scalar is text in YAML 1.1 and does not spell a number in YAML 1.2 either."""
    return node.tag == f"{_PREFIX}str" and text_to_number(node.value) is None


def _looks_like_number(node: ScalarNode) -> bool:
    return node.tag != f"{_PREFIX}str" or text_to_number(node.value) is not None


def _merged_maps(value: Node) -> list[MappingNode]:
    maps = value.value if isinstance(value, SequenceNode) else [value]
    merged = [item for item in maps if isinstance(item, MappingNode)]
    if len(merged) != len(maps):
        raise _Refused("'<<' takes a map or a list of maps", _line_of(value))
    return merged


def _unknown_tag(node: Node) -> _Refused:
    return _Refused(
        f"the tag {excerpt(_short(node.tag))} is not known here; remove it", _line_of(node)
    )


def _short(tag: str | None) -> str:
    text = str(tag)
    return f"!!{text[len(_PREFIX) :]}" if text.startswith(_PREFIX) else text
