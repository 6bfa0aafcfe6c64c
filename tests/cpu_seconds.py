"""The CPU seconds that each family's tests take, beside their budget."""

import resource
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUDGETS = ROOT / "tests" / "cpu_seconds.toml"


def spent() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def family(nodeid: str) -> str:
    """The room of a test or a doctest: `flows` of tests/flows and genjax/flows.

    >>> family("tests/flows/test_spline.py::test_ends"), family("genjax/base.py")
    ('flows', 'genjax')
    """
    top, *rooms = Path(nodeid.split("::")[0]).parts[:-1]
    if rooms:
        return rooms[0]
    return "genjax" if top == "tests" else top


class CpuSeconds:
    """A plugin of pytest; workers measure, the process that they report to sums."""

    def __init__(self) -> None:
        self.before = 0.0
        self.sums: Counter[str] = Counter()

    def pytest_runtest_logstart(self) -> None:
        self.before = spent()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self):
        report = yield
        now = spent()
        report.user_properties.append(("cpu_seconds", now - self.before))
        self.before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        own = [value for name, value in report.user_properties if name == "cpu_seconds"]
        self.sums[family(report.nodeid)] += sum(own)

    def pytest_terminal_summary(self, terminalreporter) -> None:
        budgets = tomllib.loads(BUDGETS.read_text())
        terminalreporter.section("CPU seconds (budget)")
        for name, seconds in sorted(self.sums.items()):
            budget = budgets.get(name)
            mark = " OVER" if budget is not None and seconds > budget else ""
            terminalreporter.line(f"{name:20} {seconds:7.0f} ({budget}){mark}")
        total, allowed = sum(self.sums.values()), sum(budgets.values())
        terminalreporter.line(f"{'all':20} {total:7.0f} ({allowed})")
