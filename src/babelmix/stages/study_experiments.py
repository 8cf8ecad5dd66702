"""Finished DVC experiments of the study, found again and turned into records.

revision = head(Path())
opened = find_experiment(Path(), "study-base-hybrid-s13", revision)     # None if DVC has none of this name
check_settings(opened, settings, run.overrides(1.25e-4, 240))
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.yaml_core import parse_yaml
from babelmix.reporting.experiment_files import Opened, open_experiments
from babelmix.settings.params import Settings


def head(root: Path) -> str:
    """Return the hash of the current commit; UserError where no experiment can start from it."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from scmrepo.exceptions import SCMError

    try:
        with Repo(str(root)) as repo:
            return repo.experiments.scm.get_rev()
    except (DvcException, SCMError) as error:
        how = "run the study in a Git clone of the project, with a commit"
        raise UserError(f"DVC can start no experiment ({error})", where=str(root.resolve()), how=how) from error


def find_experiment(root: Path, name: str, revision: str) -> Opened | None:
    """Return the experiment of this name that started from a commit, None if there is none."""
    from dvc.repo import Repo
    from dvc.repo.experiments.refs import ExpRefInfo

    reference = str(ExpRefInfo(revision, name))
    with Repo(str(root)) as repo:
        if repo.scm.get_ref(reference) is None:
            return None
    (opened,) = open_experiments(root, [reference])
    return replace(opened, name=name)


def check_settings(opened: Opened, settings: Settings, overrides: list[str]) -> None:
    """Raise UserError for an experiment of other settings than the current ones with these changes of `-S`."""
    wanted, found = _sections(settings), _sections(opened.settings)
    for override in overrides:
        path, _, text = override.partition("=")
        *above, last = path.split(".")
        inner: Any = wanted
        for part in above:
            inner = inner[part]
        inner[last] = parse_yaml(text, override)
    differing = [name for name, value in wanted.items() if value != found.get(name)]
    if differing:
        how = f"`dvc exp remove {opened.name}`, then run `babelmix study` again"
        raise UserError(f"it has other settings ({', '.join(differing)})", where=f"experiment {opened.name}", how=how)


def _sections(settings: Settings) -> dict[str, Any]:
    """Return all settings but those of the study and of how a training is launched, which no result depends on."""
    return settings.model_dump(mode="json", by_alias=True, exclude={"study", "launch"})
