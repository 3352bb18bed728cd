"""Reads the text of a sweep file, which is YAML 1.1 as W&B reads it, into plain JSON.

The quirks of YAML 1.1 that surprise authors of sweep files are handled here, while the original
text is available: keys that would be booleans remain text, numbers that would be text are marked,
duplicate keys are reported with both of their lines, and dates remain as written. Only the node
tree comes from PyYAML; no objects are constructed, and tags outside the safe set are refused.
Aliases are expanded within limits, so that a small file cannot become a large document.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from sweep_service.model.language.fields import PlainNumber, text_to_number
from sweep_service.model.language.plain import MAX_DEPTH, MAX_VALUES
from sweep_service.model.language.report import Place, Report, excerpt
from sweep_service.model.language.yaml_surprises import are_hashes, surprise
from sweep_service.model.language.yaml_tree import (
    PREFIX,
    Node,
    PlainScalar,
    Refused,
    compose,
    line_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


_MERGE = f"{PREFIX}merge"


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
        node = compose(_without_tabs_of_json(text))
        document = _Builder(lines, report).build(node, ()) if node is not None else None
    except Refused as refused:
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


class _Builder:
    """Makes plain JSON from a node tree; recursion is limited by the depth of the tree."""

    def __init__(self, lines: dict[Place, int], report: Report) -> None:
        self._lines = lines
        self._report = report
        self._n_values = 0
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
            raise Refused(f"aliases make it larger than {limits}", line_of(node))

    def _list(self, node: SequenceNode, place: Place) -> list[Any]:
        if node.tag in (f"{PREFIX}omap", f"{PREFIX}pairs"):
            self._report.warn(place, f"{_short(node.tag)} is kept as a plain list", line_of(node))
        elif node.tag != f"{PREFIX}seq":
            raise _unknown_tag(node)
        plain = [item.value for item in node.value if isinstance(item, PlainScalar)]
        if len(plain) == len(node.value) and are_hashes(plain):
            return self._hashes(node, place)
        texts = [
            item.value for item in node.value if isinstance(item, ScalarNode) and _is_text(item)
        ]
        built = []
        for index, item in enumerate(node.value):
            here = (*place, index)
            self._lines[here] = line_of(item)
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
            self._lines[here] = line_of(item)
            self._count(item, len(here))
        numbers = [item.value for item in scalars if _looks_like_number(item)]
        if numbers:
            self._report.warn(
                place,
                f"{', '.join(numbers)} could be read as numbers; kept as texts, like the others:"
                " quote them",
                line_of(node),
            )
        return [item.value for item in scalars]

    def _map(self, node: MappingNode, place: Place) -> Any:
        if node.tag == f"{PREFIX}set":
            self._report.warn(place, "found a set; kept as a list", line_of(node))
            return [self.build(key, (*place, index)) for index, (key, _) in enumerate(node.value)]
        if node.tag != f"{PREFIX}map":
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
                raise Refused("a list or map cannot be a key", line_of(key))
            if key.tag == _MERGE:
                continue
            self._check_key(key, own_lines.get(key.value), place)
            own_lines[key.value] = line_of(key)
            entries[key.value] = (line_of(key), value)
        return entries

    def _check_key(self, key: ScalarNode, earlier_line: int | None, place: Place) -> None:
        here = (*place, key.value)
        if earlier_line is not None and (earlier_line, line_of(key)) not in self._reported_twins:
            self._reported_twins.add((earlier_line, line_of(key)))
            self._report.warn(
                here,
                f"is given twice, on lines {earlier_line} and {line_of(key)}; the last one counts",
                line_of(key),
            )
        if key.tag not in (f"{PREFIX}str", f"{PREFIX}value"):
            kind = key.tag[len(PREFIX) :]
            self._report.warn(
                here, f"YAML reads the key as {kind}; kept as the text '{key.value}'", line_of(key)
            )

    def _scalar(self, node: ScalarNode, place: Place, neighbours: Sequence[str] = ()) -> Any:
        kind = node.tag[len(PREFIX) :] if node.tag.startswith(PREFIX) else ""
        if kind in ("str", "value", "merge"):
            is_number = isinstance(node, PlainScalar) and text_to_number(node.value) is not None
            return PlainNumber(node.value) if is_number else node.value
        if kind in ("timestamp", "binary"):
            text = "".join(node.value.split()) if kind == "binary" else node.value
            message = f"YAML reads this as {kind}; kept as the text '{text}'"
            self._report.warn(place, message, line_of(node))
            return text
        if kind not in ("null", "bool", "int", "float"):
            raise _unknown_tag(node)
        value = _value(node)
        read_as = surprise(node.value, value, neighbours) if isinstance(node, PlainScalar) else None
        if read_as is not None:
            advice = f"quote it ('{node.value}') to keep the text"
            self._report.warn(
                place, f"YAML reads {node.value} as {read_as}; {advice}", line_of(node)
            )
        return value


def _is_text(node: ScalarNode) -> bool:
    """Whether a scalar is text in YAML 1.1 and does not spell a number in YAML 1.2 either."""
    return node.tag == f"{PREFIX}str" and text_to_number(node.value) is None


def _looks_like_number(node: ScalarNode) -> bool:
    return node.tag != f"{PREFIX}str" or text_to_number(node.value) is not None


def _value(node: ScalarNode) -> Any:
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, LookupError, OverflowError):
        raise Refused(
            f"'{excerpt(node.value)}' cannot be read as {_short(node.tag)}", line_of(node)
        ) from None


def _merged_maps(value: Node) -> list[MappingNode]:
    maps = value.value if isinstance(value, SequenceNode) else [value]
    merged = [item for item in maps if isinstance(item, MappingNode)]
    if len(merged) != len(maps):
        raise Refused("'<<' takes a map or a list of maps", line_of(value))
    return merged


def _unknown_tag(node: Node) -> Refused:
    return Refused(
        f"the tag {excerpt(_short(node.tag))} is not known here; remove it", line_of(node)
    )


def _short(tag: str | None) -> str:
    text = str(tag)
    return f"!!{text[len(PREFIX) :]}" if text.startswith(PREFIX) else text
