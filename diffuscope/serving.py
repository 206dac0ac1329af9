"""`diffuscope serve`, and the child processes that a server starts."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from diffuscope.folders import absolute, default_cache, default_data
from diffusion.runtime import DTYPES
from engine import Fault, WorkflowError

if TYPE_CHECKING:
    from engine.engine import Engine
    from web.server.settings import Settings

CHILD = (sys.executable, "-P", "-m", "diffuscope", "child")
"""-P: no module is imported from the folder in which the server was started."""

folder = click.Path(path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; others need a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8188, show_default=True, help="0 takes a free one.")
@click.option("--token", envvar="DIFFUSCOPE_TOKEN", show_envvar=True, help="What clients must show; made and printed "
              "where one is needed.")  # fmt: skip
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="A name by which a proxy calls this server.")
@click.option("--data", type=folder, help="Folder for jobs, saved workflows and uploads.")
@click.option("--out", "out_folder", type=folder, help="Folder for pictures; by default outputs/ in the data folder.")
@click.option("--cache", "cache_folder", type=folder, help="Folder for values.")
@click.option("--device", "devices", multiple=True, default=("auto",), show_default=True,
              help="auto, cpu, cuda or cuda:N; given more than once, a worker each.")  # fmt: skip
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the models.")
@click.option("--exact", is_flag=True, help="One by one and bit for bit reproducible on a device.")
@click.option("--queue", type=click.IntRange(1), default=1000, show_default=True, help="Jobs that may wait.")
@click.option("--calls", type=click.IntRange(1), default=20_000, show_default=True, help="Calls that a job may have.")
@click.option("--pixels", type=click.IntRange(64), default=2048 * 2048, show_default=True,
              help="Width x height of any picture that a workflow asks for.")  # fmt: skip
def serve(
    host: str, port: int, token: str | None, hosts: tuple[str, ...], data: Path | None, out_folder: Path | None,
    cache_folder: Path | None, devices: tuple[str, ...], dtype: str, exact: bool, queue: int, calls: int, pixels: int,
) -> int:  # fmt: skip
    """Serve the API (and the editor) over HTTP until SIGTERM or Ctrl-C."""
    from web.server import app, guard
    from web.server.settings import Limits, Settings

    logging.basicConfig(format="%(asctime)s server: %(message)s", level=logging.INFO)
    made = token is None and not guard.Access(host, token="0" * 16).loopback
    data = absolute(data or default_data())
    settings = Settings(
        data=data, out=absolute(out_folder or data / "outputs"), cache=absolute(cache_folder or default_cache()),
        child=CHILD, host=host, port=port, token=guard.new_token() if made else token, allow_hosts=hosts,
        devices=tuple(dict.fromkeys(devices)), dtype=dtype, exact=exact,
        limits=Limits(queue=queue, calls=calls, pixels=pixels),
    )  # fmt: skip

    try:
        asyncio.run(app.serve(settings, lambda address: tell(settings, address)))
    except ValueError as error:
        where, _, message = str(error).partition(": ")
        raise WorkflowError([Fault(where, message)], "arguments") from None
    return 0


def tell(settings: Settings, address: str) -> None:
    """Say where the server is, and where its folders are."""
    url = f"{address}/?token={settings.token}" if settings.token else address
    lines = [f"Diffuscope at {url}", f"workflows, inputs, jobs: {settings.data}", f"pictures: {settings.out}",
             f"values: {settings.cache}"]  # fmt: skip
    print("\n".join(lines), flush=True)  # noqa: T201


@click.command(hidden=True)
@click.argument("settings")
@click.argument("role", type=click.Choice(["worker", "checker", "viewer"]))
@click.argument("device")
@click.argument("descriptor", type=int)
def child(settings: str, role: str, device: str, descriptor: int) -> int:
    """A child process of a server, which starts it."""
    from web.server.children import run_child

    run_child(settings, role, device, descriptor, make_engine)
    return 0


def make_engine(settings: Settings, device: str) -> Engine:
    """A worker's engine, with what it needs to compute at hand."""
    from diffuscope.engine import Engine

    made = Engine(settings.cache, settings.out, device, settings.dtype, settings.exact)
    made.warm()
    return made
