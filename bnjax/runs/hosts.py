"""Several processes that train one run together, on the devices of all of them (``jax.distributed``).

Every process makes the same calls in the same order, since each step waits for all of them. What one alone
may do, such as writing, process 0 does. Signals come to single processes, so they wait until all have agreed
to stop at the same step. For a process by itself all of this does nothing.
"""

import contextlib
import pickle
import socket
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bnjax.errors import UserError
from bnjax.process.signals import Stopped, held_signals
from bnjax.settings.fields import ConfigError
from bnjax.settings.options import Options

if TYPE_CHECKING:
    import jax

T = TypeVar("T")


class HostsError(UserError):
    """This process cannot train together with the others."""


class LostError(UserError):
    """Another process has ended or cannot be reached."""


@dataclass(frozen=True)
class Hosts:
    """The processes of a run, and which of them this one is.

    Attributes:
      waiting: signals that this process has heard, and that nothing has come of yet.
    """

    index: int = 0
    count: int = 1
    waiting: list[int] = field(default_factory=list, compare=False)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks for all."""
        return self.index == 0

    def of_first(self, value: T) -> T:
        """What process 0 gives, in every process; what the others give does not count."""
        if self.count == 1:
            return value
        from jax.experimental.multihost_utils import broadcast_one_to_all

        pickled = np.frombuffer(pickle.dumps(value), np.uint8)
        size = int(broadcast_one_to_all(np.int32(len(pickled))))
        given = broadcast_one_to_all(pickled if self.first else np.zeros(size, np.uint8))
        return pickle.loads(given.tobytes())

    def check_alike(self, facts: Mapping[str, str]) -> None:
        """Compares what has to be the same in all processes.

        Raises:
          HostsError: names what differs from process 0.
        """
        differing = [name for name, value in self.of_first(facts).items() if facts[name] != value]
        if differing:
            raise HostsError(f"process {self.index} has other {' and '.join(differing)} than process 0")

    def stops(self, late: int = 0) -> "_Stops":
        """Signals that wait, asked for step by step; see :class:`_Stops`."""
        return _Stops(self, late)

    def check_signals(self) -> None:
        """Ends all processes here if one of them has heard a signal.

        Raises:
          Stopped: in every one.
        """
        stops = self.stops()
        stops.heard(())
        stops.obey()


@dataclass
class _Stops:
    """What the processes say of signals, asked once for each step.

    Attributes:
      late: answers are looked at so many steps after they were asked for, so that steps can run ahead.
    """

    hosts: Hosts
    late: int
    _answers: "deque[jax.Array]" = field(default_factory=deque)
    _agreed: int = 0

    def heard(self, held: "list[int] | tuple[int, ...]") -> bool:
        """Whether to stop behind this step; in all processes the same.

        Args:
          held: signals that this process holds back beside those of the hosts' ``waiting``.
        """
        if self.hosts.count == 1:
            return bool(held)
        from bnjax.train.mesh import data_mesh, largest

        self._answers.append(largest(max([0, *held, *self.hosts.waiting]), data_mesh()))
        if len(self._answers) > self.late:
            self._agreed = int(self._answers.popleft())
        return bool(self._agreed)

    def obey(self) -> None:
        """Raises what was agreed.

        Raises:
          Stopped: also in processes that heard no signal themselves.
        """
        if self._agreed:
            raise Stopped(self._agreed)


ALONE = Hosts()


@contextlib.contextmanager
def joined(options: Options) -> Iterator[Hosts]:
    """Waits for the other processes, before JAX's first computation; parts from them at the end.

    Signals wait inside, see :meth:`Hosts.check_signals`. What fails inside does not wait for the others.

    Raises:
      ConfigError: JAX finds no cluster, and no flags tell of it.
      HostsError: the coordinator cannot be started, since its port is taken, for example.
    """
    with held_signals() as waiting:
        hosts = _join(options, waiting)
        try:
            yield hosts
        except Stopped:
            _part()
            raise
        _part()


def _join(options: Options, waiting: list[int]) -> Hosts:
    from bnjax.process.backend import configure_backend

    configure_backend()
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM for itself
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    explicit: dict[str, Any] = {}
    if options.coordinator_address:
        names = ("coordinator_address", "num_processes", "process_id")
        explicit = {name: getattr(options, name) for name in names}
        if options.process_id == 0:
            _check_port(options.coordinator_address)
    try:
        jax.distributed.initialize(
            **explicit,
            initialization_timeout=options.initialization_timeout,
            heartbeat_timeout_seconds=options.heartbeat_timeout_seconds,
        )
    except ValueError as error:
        flags = "--coordinator_address, --num_processes and --process_id"
        raise ConfigError(f"--distributed: JAX finds no cluster here ({error}); give {flags}") from error
    except jax.errors.JaxRuntimeError as error:
        address = explicit.get("coordinator_address", "the address that JAX has found")
        raise HostsError(f"the processes cannot meet at {address} ({error})") from error
    return Hosts(jax.process_index(), jax.process_count(), waiting)


def _check_port(address: str) -> None:
    """Process 0 listens there; where it cannot, JAX's runtime may crash (seen with jaxlib 0.10.2).

    Raises:
      HostsError: the port is taken, or not ours to take.
    """
    place = ("", int(address.rpartition(":")[2]))
    both = socket.has_dualstack_ipv6()  # as JAX does: on every address of this machine
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        socket.create_server(place, family=family, dualstack_ipv6=both).close()
    except OSError as error:
        raise HostsError(f"the processes cannot meet at {address} ({error.strerror})") from error


def _part() -> None:
    """All processes wait here for each other, since nobody can end before process 0 has written."""
    import jax

    with contextlib.suppress(jax.errors.JaxRuntimeError):  # the records are whole all the same
        jax.distributed.shutdown()
