from experiments.report import meets, passed


def test_expectations():
    assert meets(1.0, {"at_most": 1.0})
    assert not meets(1.1, {"at_most": 1.0})
    assert meets(1.0, {"at_least": 1.0})
    assert meets(-1.05, {"value": -1.0, "tolerance": 0.1})
    assert not meets(float("nan"), {"at_most": 1.0})
    assert not meets(float("nan"), {"value": 1.0, "tolerance": 9.0})


def test_all_must_be_met():
    metrics = {"a": 1.0, "b": 2.0}
    assert passed(metrics, {"a": {"at_most": 1.5}, "b": {"at_least": 1.5}})
    assert not passed(metrics, {"a": {"at_most": 0.5}, "b": {"at_least": 1.5}})
