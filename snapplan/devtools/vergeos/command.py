"""``snapplan-vergeos-sim``: run a simulation until it is told to stop."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from snapplan import clock
from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos import state
from snapplan.devtools.vergeos.refusal import SimulatorError

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.web.stage import Stage

ENDINGS = (signal.SIGINT, signal.SIGTERM)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--seed", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML description of a system."
)
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Continue from this file if it exists, and write it at the end.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Where ca.pem (for clients), the certificate and endpoints.json are put.",
)
@click.option("--port", default=0, help="Port of the API; 0 lets the system choose.")
@click.option("--control-port", default=0, help="Port of the control interface; 0 lets the system choose.")
@click.option("--platform", default=None, help="Platform version instead of the seed's, such as 26.0.")
@click.option(
    "--switch", "switches", multiple=True, metavar="NAME=VALUE", help="Settle an uncertainty; may be repeated."
)
def main(
    seed: Path | None,
    state_file: Path | None,
    folder: Path,
    port: int,
    control_port: int,
    platform: str | None,
    switches: tuple[str, ...],
) -> None:
    r"""Simulate the snapshot API of a VergeOS system on 127.0.0.1, over HTTPS.

    The addresses are written to FOLDER/endpoints.json and printed as one line of JSON. It runs until it is interrupted
    or terminated.

    \b
    Example:
      snapplan-vergeos-sim --seed system.yaml --folder /tmp/sim
      REQUESTS_CA_BUNDLE=/tmp/sim/ca.pem vrg snapshot list
    """
    try:
        from snapplan.devtools.vergeos.web.serving import Simulator
    except ImportError as error:
        raise click.ClickException(f"{error}; install snapplan[vergeos-sim]") from error
    try:
        described = seeds.Seed() if seed is None else seeds.read(seed)
        stage = _start(described, state_file, platform, switches)
    except SimulatorError as error:
        raise click.ClickException(str(error)) from error
    running = Simulator(stage, folder, port, control_port)
    endpoints = {"host": running.host, "control": running.control_url, "ca_file": str(running.ca_file)}
    line = json.dumps(endpoints)
    (folder / "endpoints.json").write_text(f"{line}\n", encoding="utf-8")
    # Blocked before the server's thread starts, so that the signal waits for this thread.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    with running:
        click.echo(line)
        signal.sigwait(ENDINGS)
    if state_file is not None:
        state.save(stage.system, state_file)


def _start(described: seeds.Seed, state_file: Path | None, platform: str | None, switches: tuple[str, ...]) -> Stage:
    from snapplan.devtools.vergeos.web.stage import Stage

    given = dict(switch.partition("=")[::2] for switch in switches)
    wanted = described.model_copy(
        update={"version": platform or described.version, "switches": {**described.switches, **given}}
    )
    stage = Stage.of(wanted, int(clock.now().timestamp()))
    stage.state_file = state_file
    if state_file is not None and state_file.exists():
        stage.system = state.load(state_file)
        stage.system.configure(given)
        # A system whose seed sets no time lives in ours, and what fell due while it was stopped happens now.
        stage.time.put_off(stage.system.now, follow=described.now is None)
    return stage
