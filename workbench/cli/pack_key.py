"""``workbench pack key``: keys to sign packs with, and whose packs are accepted."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.errors import PackSignatureError, UsageError
from workbench.hub.packs import keys
from workbench.hub.packs.signing import PublicKey, SecretKey, read_public

app = typer.Typer(help="Keys to sign packs with, and whose packs are accepted.", no_args_is_help=True)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="NAME.key, which stays secret, and NAME.pub, to give away.")],
    folder: Annotated[Path, typer.Option("--folder", help="Where they are written (here).")] = Path(),
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="Its first line locks the key; else it is asked for.")
    ] = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="Write the secret key unlocked.")] = False,
    json: Json = False,
) -> None:
    """Make a pair of keys, as minisign has them."""
    password = None if no_password else _password(password_file, twice=True)
    secret_key = keys.generate()
    secret_path, public_path = keys.write_pair(secret_key, folder, name, password=password)
    public = secret_key.public
    if json:
        output.emit({"secret": str(secret_path), "public": str(public_path)} | _json(public))
        return
    output.out.print(f"{secret_path} stays with you; give {public_path} to those who get your packs.",
                     markup=False, soft_wrap=True)  # fmt: skip
    output.out.print(f"Key {public.key_id}: {public.line}", markup=False, soft_wrap=True)


@app.command()
def accept(
    key: Annotated[str, typer.Argument(help="A public key file of minisign, or the key itself.")],
    label: Annotated[str, typer.Option("--label", help="Whose key it is.")] = "",
    json: Json = False,
) -> None:
    """Accept packs that this key signed, from now on."""
    path = Path(key).expanduser()
    public = keys.read_public_file(path) if path.is_file() else read_public(key.encode())
    with Workbench.open() as workbench:
        workbench.packs.trusted.accept(public, label=label)
        accepted = workbench.packs.trusted.all()
    _show(accepted, json=json)


@app.command()
def withdraw(
    key_id: Annotated[str, typer.Argument(help="The key's number, as `workbench pack key list` shows it.")],
    json: Json = False,
) -> None:
    """Accept packs of this key no longer; what was installed stays."""
    with Workbench.open() as workbench:
        if not workbench.packs.trusted.withdraw(key_id.upper()):
            raise PackSignatureError(
                f"No key {key_id} was accepted.", hint="`workbench pack key list` shows those that were."
            )
        accepted = workbench.packs.trusted.all()
    _show(accepted, json=json)


@app.command("list")
def list_keys(json: Json = False) -> None:
    """Show whose packs are accepted."""
    with Workbench.open() as workbench:
        accepted = workbench.packs.trusted.all()
    _show(accepted, json=json)


def signer(key: Path | None, password_file: Path | None, *, unsigned: bool) -> SecretKey | None:
    """Raises PackSignatureError for what is no secret key, and UsageError where it is neither given nor refused, or
    nobody can give its password."""
    if (key is None) is not unsigned:
        raise UsageError(
            "A pack is signed with --key FILE, or made with --unsigned.", hint="`workbench pack key new` makes a key."
        )
    if key is None:
        return None
    return keys.read_secret(key, password=_password(password_file, twice=False) if keys.needs_password(key) else None)


def _password(file: Path | None, *, twice: bool) -> str:
    if file is not None:
        try:
            return file.expanduser().read_text("utf-8").splitlines()[0]
        except (OSError, UnicodeDecodeError, IndexError) as error:
            raise UsageError(f"No password can be read from {file}.", hint="Its first line is the password.") from error
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "The key's password is needed, and nobody is here to be asked.", hint="Give it with --password-file."
        )
    password = getpass.getpass("Password: ", stream=sys.stderr)
    if twice and getpass.getpass("Again: ", stream=sys.stderr) != password:
        raise UsageError("The two passwords differ.", hint="Try again.")
    return password


def _show(accepted: tuple[PublicKey, ...], *, json: bool) -> None:
    if json:
        output.emit({"keys": [_json(key) for key in accepted]})
        return
    for key in accepted:
        output.out.print(f"{key.key_id}  {key.label or '–'}  {key.line}", markup=False, soft_wrap=True)
    if not accepted:
        output.out.print("No key was accepted yet: workbench pack key accept FILE", markup=False)


def _json(key: PublicKey) -> dict[str, str]:
    return {"key_id": key.key_id, "key": key.line, "label": key.label}
