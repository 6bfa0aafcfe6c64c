"""What the command line shows of the experiments: on 80 columns, no word cut."""

import textwrap

from experiments.catalogue import FIELDS, families, read_card

WIDTH = 80
COMMANDS = """\
python -m experiments NAME [--field VALUE ...]  runs one; --help: its fields
python -m experiments FAMILY | show NAME        the cards of a family, or one
python -m experiments sample RUN -n 64          draws from the folder of a run
python -m experiments score RUN --data FILE --out FILE     log-densities of rows
python -m experiments complete RUN --data FILE --out FILE  fills holes of rows
python -m experiments encode RUN --data FOLDER --out FILE  features of pictures
python -m experiments detect RUN PICTURES --out FOLDER     boxes on pictures
python -m experiments evaluate RUN              measures it again
python -m experiments export RUN --out FILE     its variables, as safetensors
python -m experiments data prepare SET --from DIR  prepares a set of TFDS
python -m experiments data check SET                 what images with boxes hold
"""


def listing() -> str:
    """Returns a line per experiment, by family, and the commands."""
    lines = []
    for family, names in families().items():
        lines.append(family)
        for name in names:
            card = read_card(name)
            tail = name.split("/")[1]
            lines.append(f"  {tail:18}{card.title.rstrip('.'):51}{card.time:>7}")
    return "\n".join([*lines, "", COMMANDS])


def cards_of(family: str) -> str:
    """Returns the cards of a family.

    Args:
        family: its name.
    """
    return "\n".join(card_of(name) for name in families()[family])


def help_of(name: str) -> str:
    """Returns the card of an experiment, a paragraph per field.

    Args:
        name: `family/name`.
    """
    card = read_card(name)
    fields = [f"{field}: {card.fields.get(field, '')}" for field in FIELDS]
    return "\n\n".join([f"{name}: {card.title}", card.text, *fields])


def card_of(name: str) -> str:
    """Returns the card of an experiment, as lines.

    Args:
        name: `family/name`.

    >>> print(card_of("gan/bilinear").splitlines()[0])
    gan/bilinear: The bilinear game: schedules and closed forms.
    """
    card = read_card(name)
    indent = max(map(len, FIELDS)) + 2
    fields = [
        textwrap.fill(
            card.fields.get(field, ""),
            WIDTH,
            initial_indent=f"{field + ':':{indent}}",
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for field in FIELDS
    ]
    text = [card.text, ""] if card.text else []
    return "\n".join([f"{name}: {card.title}", "", *text, *fields, ""])
