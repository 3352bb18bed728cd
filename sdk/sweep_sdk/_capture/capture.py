"""The endpoint at which an agent receives what its programs log with wandb."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sweep_sdk._capture.account import CAPTURE, MIRROR, OFF, find_account, netrc_files
from sweep_sdk._capture.variables import is_disabled, parameters_text, variables
from sweep_sdk._world import disk, loopback, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sweep_sdk._capture.account import Account
    from sweep_sdk._capture.mirror import Mirror
    from sweep_sdk._capture.protocol import Protocol
    from sweep_sdk._capture.recording import Recording
    from sweep_sdk._world.loopback import Answer, Loopback, Request
    from sweep_service.wire.runs import HandOut

#: How long to wait for a program's last requests, from this machine, once it has ended.
_LAST_SECONDS = 2.0
_REPEAT = 503


class Capture:
    """State shared by the programs of one agent.

    Attributes:
        mirrored: The account to which requests are relayed, if they are.
    """

    def __init__(
        self,
        server: Loopback,
        mirrored: Account | None,
        notice: Callable[[str], None],
        why: str,
        *,
        has_netrc: bool = True,
    ) -> None:
        self.mirrored = mirrored
        self._server = server
        self._has_netrc = has_netrc
        self._notice = notice
        self._why = why
        self._said: set[str] = set()
        self._lock = threads.Lock()

    def say_once(self, message: str) -> None:
        """Show a message unless it has been shown for another program of the agent."""
        with self._lock:
            is_new = message not in self._said
            self._said.add(message)
        if is_new:
            self._notice(message)

    def say_what_it_does(self) -> None:
        """When the first program uses wandb, show where its data goes and why."""
        self.say_once(self._why)

    def begin(
        self,
        handout: HandOut,
        folder: disk.Path,
        metrics: disk.Path,
        metric: str | None,
        environ: Mapping[str, str],
    ) -> CapturedProgram:
        """Prepare for a program.

        Args:
            handout: The run.
            folder: The run's folder.
            metrics: The metrics file of the attempt.
            metric: Name of the sweep's metric.
            environ: The environment of the program without capturing.

        Raises:
            OSError: The folder cannot be written.
        """
        parameters = folder / "wandb-parameters.yaml"
        disk.discard_link(parameters)
        parameters.write_text(parameters_text(handout.config), encoding="utf-8")
        program = CapturedProgram(self, self._server, handout, folder, metrics, metric)
        program.variables = variables(
            environ,
            address=program.address,
            run=handout.id,
            folder=str(folder),
            parameters=str(parameters),
            mirrored=self.mirrored,
            has_netrc=self._has_netrc,
        )
        return program


class CapturedProgram:
    """Captures what one program logs with wandb.

    Attributes:
        address: URL of this endpoint for the program's wandb.
        variables: Variables to set in the program's environment; None to remove one.
    """

    def __init__(
        self,
        capture: Capture,
        server: Loopback,
        handout: HandOut,
        folder: disk.Path,
        metrics: disk.Path,
        metric: str | None,
    ) -> None:
        self.variables: dict[str, str | None] = {}
        self._capture = capture
        self._server = server
        self._handout = handout
        self._folder = folder
        self._metrics = metrics
        self._metric = metric
        self._is_stopped = False
        self._recording: Recording | None = None
        self._protocol: Protocol | None = None
        self._mirror: Mirror | None = None
        self._lock = threads.Lock()
        self._n_before = _count_runs(folder)
        self.address = server.add(self._answer)

    def stop(self) -> None:
        """Have the program's wandb interrupt the program."""
        self._is_stopped = True

    def close(self) -> None:
        """Process the last requests of a program that has ended, and then stop answering."""
        self._server.remove(self.address, _LAST_SECONDS)
        with self._lock:
            if self._mirror is not None:
                self._mirror.close()
            trouble = self._recording.close() if self._recording is not None else None
        if trouble is not None:
            self._capture.say_once(trouble)
        if self._recording is None and _count_runs(self._folder) > self._n_before:
            self._capture.say_once(
                "the program used wandb in a way that cannot be captured, such as mode='offline',"
                " or host= or base_url= of its own: what it logged is not in the sweep"
            )

    def _answer(self, request: Request) -> Answer:
        protocol = self._loaded()
        mirror = self._mirror
        if mirror is None:
            return protocol.answer(request)
        from sweep_sdk._capture.mirror import Away
        from sweep_sdk._capture.protocol import streamed_run
        from sweep_sdk._world.loopback import Answer
        from sweep_service.wandb.streams import Malformed

        with contextlib.suppress(Malformed):  # W&B's answer reports the error
            protocol.record(request)
        try:
            answer = mirror.forward(request)
        except Away as error:
            if streamed_run(request) is not None and mirror.is_patient():
                return Answer(_REPEAT)
            self._detach(str(error))
            return protocol.answer(request)
        if self._is_stopped and streamed_run(request) is not None and answer.status == 200:
            return protocol.answer(request)
        return answer

    def _loaded(self) -> Protocol:
        """The protocol, which is loaded at the first request."""
        with self._lock:
            if self._protocol is None:
                from sweep_sdk._capture.protocol import Protocol
                from sweep_sdk._capture.recording import Recording
                from sweep_sdk._metrics.writer import MetricsFile

                capture = self._capture
                capture.say_what_it_does()
                self._recording = Recording(
                    MetricsFile(str(self._metrics)),
                    run=self._handout.id,
                    config=self._handout.config,
                    metric=self._metric,
                    notice=capture.say_once,
                )
                self._protocol = Protocol(
                    self._recording,
                    address=self.address,
                    folder=self._folder,
                    is_stopped=lambda: self._is_stopped,
                    notice=capture.say_once,
                )
                if capture.mirrored is not None:
                    from sweep_sdk._capture.mirror import Mirror

                    self._mirror = Mirror(capture.mirrored.url)
            return self._protocol

    def _detach(self, why: str) -> None:
        """Continue without W&B, for which the sweep must not wait."""
        account = self._capture.mirrored
        url = account.url if account is not None else ""
        self._mirror = None
        self._capture.say_once(
            f"{url} does not answer ({why}): runs go on without it; 'wandb sync' sends what they"
            f" logged later, from their folders, such as {self._folder / 'wandb'}"
        )


def _count_runs(folder: disk.Path) -> int:
    """Number of runs of all attempts that wandb has stored in its folder."""
    wandb = folder / "wandb"
    return len(list(wandb.glob("*run-*"))) if wandb.is_dir() else 0


@contextlib.contextmanager
def capturing(
    mode: str | None, environ: Mapping[str, str], notice: Callable[[str], None]
) -> Iterator[Capture | None]:
    """Open an agent's endpoint during a block; yields None if programs use wandb as usual.

    Args:
        mode: The sweep's mode.
        environ: The agent's environment.
        notice: Called with messages for the user.
    """
    if mode == OFF:
        yield None
        return
    disabling = is_disabled(environ)
    if disabling is not None:
        notice(
            f"{disabling} turns wandb off in the programs: what they log with it is not captured"
        )
        yield None
        return
    mirrored, why = _decided(mode or CAPTURE, environ)
    try:
        server = loopback.listen()
    except OSError as error:
        notice(
            f"cannot listen on this machine's loopback ({error.strerror}): what programs log with"
            " wandb is not captured"
        )
        yield None
        return
    with server:
        has_netrc = any(path.exists() for path in netrc_files(environ))
        yield Capture(server, mirrored, notice, why, has_netrc=has_netrc)


def _decided(mode: str, environ: Mapping[str, str]) -> tuple[Account | None, str]:
    """The account to which requests are relayed, and a message about the mode and its reason."""
    is_offline = environ.get("WANDB_MODE") == "offline"
    account = find_account(environ) if mode == MIRROR else None
    if account is not None and not is_offline:
        return account, (
            f"wandb: what programs log goes to {account.url} as before (account from"
            f" {account.source}), and to the sweep"
        )
    captured = "wandb: what programs log goes to the sweep, and nothing to W&B"
    if is_offline:
        return None, (
            f"{captured} (WANDB_MODE=offline); 'wandb sync --include-online' sends it later, from"
            " the folder wandb of each run"
        )
    if mode == MIRROR:
        return None, (
            f"{captured}: the sweep was registered with --wandb mirror, but this machine has no"
            " account (WANDB_API_KEY, or an entry in netrc)"
        )
    return None, f"{captured} (the sweep's mode is capture; see 'sweep-sdk sweep --wandb')"
