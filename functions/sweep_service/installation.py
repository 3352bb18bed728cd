"""Names and origin of this project; every installation hint is built here.

The distribution, the command and the import package have three names: ``serverless-sweeps`` is
installed, ``sweep-sdk`` is run, and ``sweep_sdk`` is imported. The build reads this file for the
project's URLs (see ``hatch_build.py``), so it imports nothing but the standard library.
"""

from __future__ import annotations

DISTRIBUTION = "serverless-sweeps"
#: The value of ``REPOSITORY`` that represents "not published yet".
PLACEHOLDER = "https://example.com/serverless-sweeps"
#: The repository's address. Set it once the project is published: the project's URLs, the links of
#: the description on a package index and all installation hints follow.
REPOSITORY = PLACEHOLDER


def install_command(
    extra: str = "", *, is_upgrade: bool = False, repository: str = REPOSITORY
) -> str:
    """The command that installs this project, for a user to copy.

    Until the repository has a public address, that is an installation from a checkout.

    Args:
        extra: The name of an optional set of dependencies, such as ``local``.
        is_upgrade: Whether an older version is to be replaced.
        repository: The repository's address.
    """
    extras = f"[{extra}]" if extra else ""
    upgrade = "--upgrade " if is_upgrade else ""
    if repository == PLACEHOLDER:
        return f"pip install {upgrade}'.{extras}'"
    return f"pip install {upgrade}'{DISTRIBUTION}{extras} @ git+{repository}'"


def install_hint(extra: str = "", *, is_upgrade: bool = False, repository: str = REPOSITORY) -> str:
    """``install_command`` in quotes, with the place to run it where that matters.

    Args:
        extra: As for ``install_command``.
        is_upgrade: As for ``install_command``.
        repository: As for ``install_command``.
    """
    command = install_command(extra, is_upgrade=is_upgrade, repository=repository)
    place = f" in a checkout of {DISTRIBUTION}" if repository == PLACEHOLDER else ""
    return f'"{command}"{place}'


def project_urls(repository: str = REPOSITORY) -> dict[str, str]:
    """The links of the package's metadata, by label."""
    return {
        "Homepage": repository,
        "Documentation": f"{repository}/blob/main/sdk/GUIDE.md",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
