"""Reads the text of a sweep file: YAML 1.1 as the reference reads it, with lines and mercy.

The text becomes plain JSON. On the way the quirks of YAML 1.1 that bite authors of sweep files
are handled where the text is still at hand: names that would be booleans stay names, numbers that
would be text are marked, duplicate keys are told of with both lines, dates stay as written.
Nothing is executed: only events are taken from the YAML library, and tags outside its safe set
are refused. Aliases are expanded within limits, so no small file becomes a large one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from sweep_service.model.language.fields import PlainNumber, text_to_number
from sweep_service.model.language.plain import MAX_DEPTH, MAX_VALUES
from sweep_service.model.language.report import Place, Report, excerpt
from sweep_service.model.language.yaml_surprises import are_hashes, surprise
from sweep_service.model.language.yaml_tree import (
    MERGE,
    PREFIX,
    Items,
    Node,
    Pairs,
    Refused,
    Scalar,
    compose,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class YamlFile:
    """A sweep file as read.

    Attributes:
        document: Plain JSON; unquoted numbers that YAML 1.1 takes for text are ``PlainNumber``.
        report: What was told while reading; knows the lines.
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
    """The text with its tabs as blanks if it is JSON, whose strings hold no tab as it is.

    JSON may be indented with tabs, YAML may not.
    """
    if "\t" not in text or not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")


class _Builder:
    """Makes plain JSON of a tree; the depth of the tree bounds its recursion."""

    def __init__(self, lines: dict[Place, int], report: Report) -> None:
        self._lines = lines
        self._report = report
        self._n_values = 0
        self._told: set[tuple[int, int]] = set()

    def build(self, node: Node, place: Place) -> Any:
        self._count(node, len(place))
        if isinstance(node, Scalar):
            return self._scalar(node, place)
        if isinstance(node, Items):
            return self._list(node, place)
        return self._map(node, place)

    def _count(self, node: Node, depth: int) -> None:
        self._n_values += 1
        if self._n_values > MAX_VALUES or depth > MAX_DEPTH:
            limits = f"{MAX_VALUES} values or deeper than {MAX_DEPTH} levels"
            raise Refused(f"aliases make it larger than {limits}", node.line)

    def _list(self, node: Items, place: Place) -> list[Any]:
        if node.tag in (f"{PREFIX}omap", f"{PREFIX}pairs"):
            self._report.warn(place, f"{_short(node.tag)} is kept as a plain list", node.line)
        elif node.tag not in (None, f"{PREFIX}seq"):
            raise _unknown_tag(node)
        plain = [item.text for item in node.items if isinstance(item, Scalar) and item.is_plain]
        if len(plain) == len(node.items) and are_hashes(plain):
            return self._hashes(node, place)
        texts = [item.text for item in node.items if isinstance(item, Scalar) and _is_text(item)]
        built = []
        for index, item in enumerate(node.items):
            here = (*place, index)
            self._lines[here] = item.line
            if isinstance(item, Scalar):
                self._count(item, len(here))
                built.append(self._scalar(item, here, texts))
            else:
                built.append(self.build(item, here))
        return built

    def _hashes(self, node: Items, place: Place) -> list[str]:
        """Hashes without quotes: those that look like numbers stay the texts that they are."""
        scalars = [item for item in node.items if isinstance(item, Scalar)]
        for index, item in enumerate(scalars):
            here = (*place, index)
            self._lines[here] = item.line
            self._count(item, len(here))
        numbers = [item.text for item in scalars if _looks_like_number(item)]
        if numbers:
            self._report.warn(
                place,
                f"{', '.join(numbers)} could be read as numbers; kept as texts, like the others:"
                " quote them",
                node.line,
            )
        return [item.text for item in scalars]

    def _map(self, node: Pairs, place: Place) -> Any:
        if node.tag == f"{PREFIX}set":
            self._report.warn(place, "found a set; kept as a list", node.line)
            return [self.build(key, (*place, index)) for index, key in enumerate(node.items[::2])]
        if node.tag not in (None, f"{PREFIX}map"):
            raise _unknown_tag(node)
        built: dict[str, Any] = {}
        for name, (line, value) in self._entries(node, place, len(place)).items():
            here = (*place, name)
            self._lines[here] = line
            built[name] = self.build(value, here)
        return built

    def _entries(self, node: Pairs, place: Place, depth: int) -> dict[str, tuple[int, Node]]:
        """Key -> (line, value), merged maps first, so that the map's own keys win."""
        self._count(node, depth)
        entries: dict[str, tuple[int, Node]] = {}
        own_lines: dict[str, int] = {}
        for key, value in node.pairs():
            if isinstance(key, Scalar) and key.tag == MERGE:
                for merged in reversed(_merged_maps(value)):
                    entries.update(self._entries(merged, place, depth + 1))
        for key, value in node.pairs():
            if not isinstance(key, Scalar):
                raise Refused("a list or map cannot be a key", key.line)
            if key.tag == MERGE:
                continue
            self._tell_of_key(key, own_lines.get(key.text), place)
            own_lines[key.text] = key.line
            entries[key.text] = (key.line, value)
        return entries

    def _tell_of_key(self, key: Scalar, earlier_line: int | None, place: Place) -> None:
        here = (*place, key.text)
        if earlier_line is not None and (earlier_line, key.line) not in self._told:
            self._told.add((earlier_line, key.line))
            self._report.warn(
                here,
                f"is given twice, on lines {earlier_line} and {key.line}; the last one counts",
                key.line,
            )
        if key.tag not in (f"{PREFIX}str", f"{PREFIX}value"):
            kind = key.tag[len(PREFIX) :]
            self._report.warn(
                here, f"YAML reads the key as {kind}; kept as the text '{key.text}'", key.line
            )

    def _scalar(self, node: Scalar, place: Place, neighbours: Sequence[str] = ()) -> Any:
        kind = node.tag[len(PREFIX) :] if node.tag.startswith(PREFIX) else ""
        if kind in ("str", "value", "merge"):
            is_number = node.is_plain and text_to_number(node.text) is not None
            return PlainNumber(node.text) if is_number else node.text
        if kind in ("timestamp", "binary"):
            text = "".join(node.text.split()) if kind == "binary" else node.text
            message = f"YAML reads this as {kind}; kept as the text '{text}'"
            self._report.warn(place, message, node.line)
            return text
        if kind not in ("null", "bool", "int", "float"):
            raise _unknown_tag(node)
        value = _value(node)
        read_as = surprise(node.text, value, neighbours) if node.is_plain else None
        if read_as is not None:
            mend = f"quote it ('{node.text}') to keep the text"
            self._report.warn(place, f"YAML reads {node.text} as {read_as}; {mend}", node.line)
        return value


def _is_text(node: Scalar) -> bool:
    """Whether a scalar is a text that is no number either."""
    return node.tag == f"{PREFIX}str" and text_to_number(node.text) is None


def _looks_like_number(node: Scalar) -> bool:
    return node.tag != f"{PREFIX}str" or text_to_number(node.text) is not None


def _value(node: Scalar) -> Any:
    try:
        return yaml.constructor.SafeConstructor().construct_object(
            yaml.ScalarNode(node.tag, node.text)
        )
    except (ValueError, KeyError, OverflowError):
        raise Refused(
            f"'{excerpt(node.text)}' cannot be read as {_short(node.tag)}", node.line
        ) from None


def _merged_maps(value: Node) -> list[Pairs]:
    maps = value.items if isinstance(value, Items) else [value]
    merged = [item for item in maps if isinstance(item, Pairs)]
    if len(merged) != len(maps):
        raise Refused("'<<' takes a map or a list of maps", value.line)
    return merged


def _unknown_tag(node: Node) -> Refused:
    return Refused(f"the tag {excerpt(_short(node.tag))} is not known here; remove it", node.line)


def _short(tag: str | None) -> str:
    text = str(tag)
    return f"!!{text[len(PREFIX) :]}" if text.startswith(PREFIX) else text
