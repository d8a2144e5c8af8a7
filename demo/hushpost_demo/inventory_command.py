"""`hushpost inventory`: what a vault keeps, why, and until when."""

from __future__ import annotations

import click

from hushpost_demo.vault_page import vault_page


@click.command()
@click.option("--markdown", is_flag=True, help="Print docs/vault-inventory.md.")
def inventory(markdown: bool) -> None:
    """Print all that a vault keeps on your device, why, and until when."""
    page = vault_page()
    click.echo(page.as_markdown() if markdown else page.as_text(), nl=False)
