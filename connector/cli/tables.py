"""Tables: drawn with lines on a terminal, plain aligned columns in a pipe, where other programs cut them."""

from collections.abc import Collection, Sequence

from rich.table import Table

from connector.cli.common import out


def show_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None, numbers: Collection[str] = ()
) -> None:
    """Print rows of as many cells as there are headers; the columns named in `numbers` stand to the right."""
    if out.is_terminal:
        table = Table(title=title, title_justify="left")
        for header in headers:
            table.add_column(header, justify="right" if header in numbers else "left")
        for row in rows:
            table.add_row(*row)
        # A table must be cut to the screen, where a line of text may run over it.
        out.print(table, soft_wrap=False)
        return
    for line in aligned([headers, *rows], [header in numbers for header in headers]):
        out.print(line, markup=False)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Rows as lines with two blanks between the columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(right))]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]
