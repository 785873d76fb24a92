"""What is measured at gateways of their own: no other server has it, or it needs a start with other settings."""

from collections.abc import Callable
from typing import Any, NamedTuple

import failover
import growth
import streams
import workers
from rig import Rig


class Experiment(NamedTuple):
    """``run`` measures, ``lines`` are its figures as Markdown."""

    what: str
    run: Callable[[Rig], dict[str, Any]]
    lines: Callable[[dict[str, Any]], list[str]]


EXPERIMENTS = {
    "workers": Experiment("Two workers", workers.run, workers.lines),
    "failover": Experiment("Failing over", failover.run, failover.lines),
    "candidates": Experiment("Growth with candidates and rows on record", growth.candidates, growth.candidate_lines),
    "wires": Experiment("1000 streams between wires", streams.wires, streams.wire_lines),
    "streams": Experiment("Growth with the streams that are held at once", streams.many, streams.many_lines),
    "bodies": Experiment("Growth with the body", growth.bodies, growth.body_lines),
}
