import pytest

from tests.experiments.commands import NAME, STEPS, TINY, run


@pytest.fixture(scope="session")
def never_killed(tmp_path_factory):
    whole = tmp_path_factory.mktemp("whole") / "run"
    done = run(NAME, *TINY, *STEPS, "--workdir", whole)
    assert done.returncode == 0, done.stderr[-3000:]
    return whole
