"""The top of the command line: which commands there are, how errors look, and exit codes.

Commands are named as `"module:attribute"` and imported when used, so `madbench --help` and the light commands stay
light. Nothing here or in the command modules imports torch, pandas or pydantic before a command runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from madbench import __version__
from madbench.cli.environment import EPILOG, add_variables
from madbench.cli.errors import of_the_system, show_error, show_usage
from madbench.errors import Interrupted, MadbenchError, debugging, did_you_mean
from madbench.harness.processes import launched
from madbench.registry import resolve

# In the order of `madbench --help`: the way of a study, then looking things up, then data.
COMMANDS = {
    "run": "madbench.cli.run:run_command",
    "plan": "madbench.cli.run:plan_command",
    "tune": "madbench.cli.tune:tune_command",
    "report": "madbench.cli.report:report_command",
    "status": "madbench.cli.status:status_command",
    "list": "madbench.cli.list:list_command",
    "show": "madbench.cli.show:show_command",
    "validate": "madbench.cli.validate:validate_command",
    "score": "madbench.cli.score:score_command",
    "import": "madbench.cli.import_:import_command",
    "predict": "madbench.cli.predict:predict_command",
    "submit": "madbench.cli.submit:submit_command",
    "verify": "madbench.cli.verify:verify_command",
    "diff": "madbench.cli.diff:diff_command",
    "rescore": "madbench.cli.rescore:rescore_command",
    "pack": "madbench.cli.pack:pack_command",
    "cite": "madbench.cli.cite:cite_command",
    "data": "madbench.cli.data:data",
    "adapter": "madbench.cli.adapter:adapter",
    "doctor": "madbench.cli.doctor:doctor_command",
}


class Commands(TyperGroup):
    """The command group, filled from COMMANDS on demand."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, name: str) -> Any:
        if name not in COMMANDS:
            return None
        return _as_command(name, resolve(COMMANDS[name]))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], COMMANDS)
            ctx.fail(f"no command '{args[0]}'" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)


def _as_command(name: str, target: Any) -> Any:
    """A command from a function, or a group of them from a typer app."""
    if isinstance(target, typer.Typer):
        target.info.name = name
        return add_variables(typer.main.get_group(target), name)
    single = typer.Typer(rich_markup_mode=None, add_completion=False)
    single.command(name)(target)
    return add_variables(typer.main.get_command(single), name)


app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"madbench {__version__}")
        raise typer.Exit()


@app.callback()
def top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere on the line.")] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours (as NO_COLOR); anywhere on the line.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="As behind a command that has it.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="As behind a command that has it.")] = False,
) -> None:
    """Low-shot and domain-shift evaluation of vision-language fine-tuning, on VCR, SNLI-VE and VQA v2.

    Start with: madbench run --model mad --protocol lowshot-1pct, then: madbench report
    """
    wanted = {name: True for name, given in (("verbose", verbose), ("quiet", quiet)) if given}
    if wanted and context.invoked_subcommand is not None:
        _hand_down(context, context.invoked_subcommand, wanted)


def _hand_down(context: typer.Context, name: str, wanted: dict[str, bool]) -> None:
    """Options that stand before a command and are the command's."""
    command = context.command.get_command(context, name)
    below = {one: each.params for one, each in getattr(command, "commands", {}).items()}
    takes = {param.name for params in (command.params, *below.values()) for param in params}
    for option in wanted:
        if option not in takes:
            context.fail(f"{name} has no --{option}")
    context.default_map = {name: {**wanted, **{one: wanted for one in below}}}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with one of the documented exit codes."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--debug" in given:
        # Taken off the line below, so that it may stand before or after the command; processes read it from here.
        os.environ["MADBENCH_DEBUG"] = "1"
    if "--no-color" in given:
        os.environ["NO_COLOR"] = "1"
    sys.exit(run_app([word for word in given if word not in ("--debug", "--no-color")], debugging()))


def run_app(arguments: list[str], debug: bool = False) -> int:
    """One command; the exit code. With `debug`, errors are raised instead of shown."""
    try:
        code = app(arguments, prog_name="madbench", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return show_error(Interrupted("interrupted", fix="the same command again goes on where this one stopped"))
    except (Exception, SystemExit) as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            return show_usage(error)
        if debug or (isinstance(error, SystemExit) and launched()):
            raise
        return show_error(_told(error))


def _told(error: BaseException) -> MadbenchError:
    """Whatever ended a command, as an error to show."""
    if isinstance(error, MadbenchError):
        return error
    found = of_the_system(error) if isinstance(error, OSError) else None
    if found is not None:
        return found
    if isinstance(error, SystemExit):
        # No command of ours does; a message is printed for it by nobody, since it never reaches the interpreter.
        return MadbenchError(f"loaded code ended the program: {error}", fix="--debug shows where it does")
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return MadbenchError(f"unexpected, {what}", fix="run it again with --debug and report what it shows")
