"""``sweep_sdk.config``: the configuration of the current run."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from sweep_sdk._program.current_run import active_run


class PresentConfig(MutableMapping[str, Any]):
    """Reads and writes the current run's config, so it may be imported by name before ``init``."""

    def __getattr__(self, name: str) -> Any:
        return getattr(active_run().config, name)

    def __setattr__(self, name: str, value: Any) -> None:
        active_run().config[name] = value

    def __getitem__(self, name: str) -> Any:
        return active_run().config[name]

    def __setitem__(self, name: str, value: Any) -> None:
        active_run().config[name] = value

    def __delitem__(self, name: str) -> None:
        del active_run().config[name]

    def __iter__(self) -> Iterator[str]:
        return iter(active_run().config)

    def __len__(self) -> int:
        return len(active_run().config)

    def __repr__(self) -> str:
        return repr(active_run().config)

    def update(
        self,
        values: Any = None,
        /,
        allow_val_change: object = None,  # noqa: ARG002  see ``Config.update``
        **more: Any,
    ) -> None:
        """See ``Config.update``."""
        active_run().config.update(values, **more)

    def setdefaults(self, values: Any) -> None:
        """See ``Config.setdefaults``."""
        active_run().config.setdefaults(values)

    def as_dict(self) -> dict[str, Any]:
        """See ``Config.as_dict``."""
        return active_run().config.as_dict()


config = PresentConfig()
