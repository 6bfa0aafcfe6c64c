from genjax.training._progress import progress_bar


def test_the_bar_shows_steps_rate_and_metrics(capsys):
    with progress_bar(10, start=2) as advance:
        advance(10, {"loss": 0.25})
    shown = capsys.readouterr().out
    assert "10/10" in shown
    assert "steps/s" in shown
    assert "loss 0.25" in shown


def test_nothing_is_shown_when_told_so(capsys):
    with progress_bar(10, show=False) as advance:
        advance(10, {"loss": 0.25})
    assert capsys.readouterr().out.strip() == ""
