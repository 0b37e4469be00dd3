"""Executing edgekit.toml, and reading Runs back."""

import itertools
import logging
import os
from pathlib import Path

from edgekit import data, reports
from edgekit.core.recipe import Recipe
from edgekit.core.run import Run
from edgekit.core.target import Budgets, Target
from edgekit.errors import EdgekitError, MissingExtraError, RuntimeFailedError, UsageError
from edgekit.packaging.choose import Wish
from edgekit.packaging.package import package
from edgekit.pipeline import plan, recipes, runs, steps, targets
from edgekit.pipeline.config import ModelSection, RunConfig
from edgekit.pipeline.convert import Conversions, convert_all
from edgekit.pipeline.measure import Bench
from edgekit.pipeline.settle import settled
from edgekit.pipeline.train import suffix_of, train, with_settings
from edgekit.pipeline.workspace import Settings, Step, Workspace, workspace
from edgekit.sources.model import Model, hub_of
from edgekit.sources.open import open_model
from edgekit.system import store

log = logging.getLogger("edgekit")


def execute(
    config: RunConfig, root: Path, step: Step, *, use_cache: bool, trust: bool, command: str
) -> tuple[Run, Path, list[Path]]:
    """Do all that the file asks; return the Run, its folder, and the reports and packages written.

    Nothing is left of a run that does not end.
    """
    settings = Settings(
        seed=config.seed,
        trust=trust,
        use_cache=use_cache,
        skip_bad=config.data.skip_bad,
        threads=config.threads,
        latency_runs=config.latency_runs,
        allow_loss=config.allow_loss,
    )
    profiles, recipes = _profiles(config, root), _recipes(config)
    models = _models(config, profiles, root)
    for model, section in zip(models, config.models, strict=True):
        for line in (*model.warnings, *(() if section.train else model.untrained)):
            log.warning(line)
    with workspace(settings, step, data.located(config.data.source, root)) as work:
        folder = runs.new_run_folder(Path(os.path.relpath(root / config.output)))
        try:
            trained = _trained(models, config, folder, work)
            models = [settled(model, settings, step) for model in trained]
            _check_names(models)
            found = steps.Findings()
            attempts = plan.plan(models, recipes, profiles)
            steps.record_all(attempts, convert_all(attempts, Conversions.of(work)), found)
            bench = Bench.of(work)
            steps.measure_all(models, profiles, bench, found, folder)
            run = steps.record(folder, found, profiles, bench, name=config.name, command=command)
        finally:
            runs.discard(folder)
    by_ref = dict(zip(dict.fromkeys(config.targets), profiles, strict=True))
    wishes = [(Wish(a.kind, by_ref[a.target]), a.model) for a in config.packages]
    return run, folder, _write(run, folder, config.reports, wishes)


def plan_lines(config: RunConfig, root: Path) -> list[str]:
    """Return in words what `execute` would do, in order."""
    profiles, recipes = _profiles(config, root), _recipes(config)
    models = _models(config, profiles, root)
    names = [f"{model.card.name} ({model.source.framework})" for model in models]
    lines = [
        f"train {name} on {config.data.source}"
        for name, section in zip(names, config.models, strict=True)
        if section.train is not None
    ]
    lines += [
        f"convert {a.model.card.name} ({a.model.source.framework}) to {a.format} by {a.recipe.name}"
        for a in plan.plan(models, recipes, profiles)
    ]
    lines.append(f"judge every file for {', '.join(target.id for target in profiles)}")
    lines += [f"write the {name} report" for name in config.reports]
    lines += [f"package for {p.target} as {p.kind}" for p in config.packages]
    return lines


def _profiles(config: RunConfig, root: Path) -> tuple[Target, ...]:
    """Load the targets, with the file's own budgets in place of theirs."""
    refs = [str(root / name) if name.endswith(".toml") else name for name in config.targets]
    given = {name: limit for name, limit in config.budgets if limit is not None}
    return tuple(
        target.model_copy(update={"budgets": Budgets(**{**dict(target.budgets), **given})})
        for target in targets.load_all(refs)
    )


def _recipes(config: RunConfig) -> list[Recipe]:
    return [
        recipes.parse(name, calibration_n=config.data.calibration, calibration_seed=config.seed)
        for name in dict.fromkeys(config.recipes)
    ]


def _models(config: RunConfig, profiles: tuple[Target, ...], root: Path) -> list[Model]:
    """Open the models, in order. Raises `UsageError` where two would give the same files."""
    models = [_model(section, profiles, root) for section in config.models]
    _check_names(models)
    return models


def _model(section: ModelSection, profiles: tuple[Target, ...], root: Path) -> Model:
    model = open_model(
        section.source,
        root=root,
        framework=section.framework,
        for_format=profiles[0].formats[0],
        weights=Path(section.weights) if section.weights else None,
        signature=section.signature,
        card=Path(section.card) if section.card else None,
        inputs=section.shapes,
        download=section.download,
    )
    return with_settings(model, section.train) if section.train else model


def _check_names(models: list[Model]) -> None:
    """Refuse two models whose files would have the same name."""
    for one, other in itertools.combinations(models, 2):
        same = one.source.sha256 and one.source.sha256 == other.source.sha256
        if same and one.card != other.card:
            raise UsageError(
                f"got one model under two cards: {one.source.ref}",
                "their files would be the same bytes; validate them in two runs",
            )
        if one.card.name == other.card.name and hub_of(one.source) == hub_of(other.source):
            raise UsageError(
                f"got two models called {one.card.name} that give the same files",
                "give one of them a card with another name",
            )


def _trained(models: list[Model], config: RunConfig, folder: Path, work: Workspace) -> list[Model]:
    """Train the models whose section asks for it; their files stay in the run's folder."""
    result = []
    for model, section in zip(models, config.models, strict=True):
        if section.train is None:
            result.append(model)
            continue
        framework = model.source.framework
        file = folder / "models" / f"{model.card.name}{suffix_of(framework)}"
        done = train(model, file, work)
        result.append(open_model(str(done.file)))
    return result


def _write(
    run: Run, folder: Path, wanted: tuple[str, ...], wishes: list[tuple[Wish, str | None]]
) -> list[Path]:
    """Write the reports and packages that the file asks for, from the finished Run.

    A package that cannot be made keeps none of the others from being made; then it is the error.
    """
    written: list[Path] = []
    for name in wanted:
        report = reports.load(name)
        path = folder / f"report{report.SUFFIX}"
        store.write_text(path, report.render(run))
        written.append(path)
    errors: list[EdgekitError] = []
    for wish, model in wishes:
        # Nothing to ship is an answer of the run, not an error of the package.
        if wish.target and run.choose(wish.target).artifact_sha256 is None:
            continue
        try:
            written.append(Path(package(run, folder, folder / "packages", wish, model=model).path))
        except (UsageError, MissingExtraError, RuntimeFailedError) as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return written
