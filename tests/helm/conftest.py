"""The one fixture of these tests."""

import pytest

from tests.helm.charts import Helm, find_helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """helm, with an empty home; the tests that ask for it are skipped where there is none (not in CI)."""
    return Helm(find_helm(), tmp_path_factory.mktemp("helm"))
