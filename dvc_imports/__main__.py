"""The command line: ``dvc-imports check``, ``fix``, ``record`` and ``run``."""

import argparse
import gc
import json
import sys

from dvc_imports.config import CodeError, read_config


def main() -> None:
    """Run a command; exit with 1 if something is missing or cannot be read."""
    parser = argparse.ArgumentParser(
        prog="dvc-imports", description="Let the stages of a DVC project follow their imports."
    )
    parser.set_defaults(json=False)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="name the modules that no dependency covers")
    check.add_argument("--json", action="store_true", help="print stages and modules as JSON")
    commands.add_parser("fix", help="add these modules to dvc.yaml")
    commands.add_parser("record", help="write a file for each stage, to depend on")
    run = commands.add_parser("run", help="run a command, and prove that it ran the recorded code")
    run.add_argument("--stage", help="its address; found by the script if not given")
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="-- command")
    arguments = parser.parse_args()
    try:
        if arguments.command == "run":
            words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
            if not words:
                parser.error("run: a command is missing, as in dvc-imports run -- python train.py")
            from dvc_imports.run import run as run_command  # noqa: PLC0415 - without DVC

            sys.exit(run_command(words, arguments.stage))
        sys.exit(_with_pipelines(arguments))
    except CodeError as error:
        sys.exit(f"error: {error}")


def _with_pipelines(arguments: argparse.Namespace) -> int:
    from dvc_imports.check import check  # noqa: PLC0415 - imports DVC
    from dvc_imports.closure import Project  # noqa: PLC0415
    from dvc_imports.fix import fix  # noqa: PLC0415
    from dvc_imports.record import write_records  # noqa: PLC0415
    from dvc_imports.stages import Pipelines  # noqa: PLC0415

    gc.disable()  # it would search the syntax trees of all modules again and again
    pipelines = Pipelines()
    project = Project(read_config(pipelines.root))
    if arguments.command == "record":
        stages, problems = write_records(project, pipelines.stages)
        print(f"{project.config.output}: the code of {len(stages)} stages")
        print("".join(f"error: {each}\n" for each in problems), end="", file=sys.stderr)
        return 0
    reports = check(pipelines, project)
    if arguments.command == "fix":
        for file in fix(pipelines.root, reports):
            print(f"{file}: changed; `dvc commit` accepts the results as they are")
        reports = check(Pipelines(), project)
    missing = sum(len(report.missing) for report in reports)
    unresolved = sum(len(report.unresolved) for report in reports)
    if arguments.json:
        keys = ("modules", "missing", "unresolved")
        content = [
            {"stage": each.stage.address, **{key: getattr(each, key) for key in keys}}
            for each in reports
        ]
        print(json.dumps(content, indent=2))
        return bool(missing or unresolved)
    for report in reports:
        stage = report.stage
        name = f"{project.config.name(stage.file)}: {stage.address.rpartition(':')[2]}"
        for module in report.missing:
            print(f"{name}: imports {module}, which no dependency names")
        for message in report.unresolved:
            print(f"{name}: {message}")
    print(f"{len(reports)} stages, {missing} missing modules, {unresolved} unresolved imports")
    return bool(missing or unresolved)


if __name__ == "__main__":
    main()
