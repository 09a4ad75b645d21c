"""``workbench pack``: models and what belongs to them, carried to a machine without a network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from workbench.app import Workbench
from workbench.cli import output, pack_key, terms_words
from workbench.cli.inputs import Json
from workbench.cli.progress import Told, follow, interruptible
from workbench.errors import Cancelled, PackConsentError
from workbench.hardware.words import human_bytes
from workbench.hub.packs.contents import Extra, ExtraKind
from workbench.hub.packs.manifest import PackedModel
from workbench.hub.packs.progress import PackProgress
from workbench.hub.packs.verify import Listed, Signed, Verified
from workbench.hub.packs.writing import PART_BYTES
from workbench.hub.terms import Terms
from workbench.jobs import run

app = typer.Typer(help="Models carried to a machine without a network.", no_args_is_help=True)
app.add_typer(pack_key.app, name="key")

STANDING = {
    "trusted": "signed by a key that was accepted",
    "unknown key": "signed by a key that was not accepted",
    "unsigned": "not signed",
}


class Form(StrEnum):
    ZIP = "zip"
    FOLDER = "folder"
    PARTS = "parts"


@app.command()
def create(
    target: Annotated[Path, typer.Argument(help="The zip or folder to make; for parts, the folder they go to.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="A name of the library or a path; may be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What the pack is called (as the target).")] = None,
    form: Annotated[Form, typer.Option("--form", help="One zip, a folder, or parts that FAT32 takes.")] = Form.ZIP,
    part_bytes: Annotated[
        int, typer.Option("--part-bytes", min=1 << 20, help="The largest size of a part, in bytes.")
    ] = PART_BYTES,
    key: Annotated[Path | None, typer.Option("--key", help="Sign with this secret key file of minisign.")] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="Its first line opens the key; else it is asked for.")
    ] = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Make it without a signature.")] = False,
    settings: Annotated[bool, typer.Option("--settings", help="Take along the settings that shape answers.")] = False,
    catalogue: Annotated[list[Path] | None, typer.Option("--catalogue", help="A catalogue file to take along.")] = None,
    suite: Annotated[list[Path] | None, typer.Option("--suite", help="A file of an evaluation suite.")] = None,
    results: Annotated[list[Path] | None, typer.Option("--results", help="A file of results.")] = None,
    json: Json = False,
) -> None:
    """Make a pack of MODELS with their licences, checksums, a signature and a bill of materials."""
    signer = pack_key.signer(key, password_file, unsigned=unsigned)
    extras = _extras({"catalogue": catalogue, "suite": suite, "results": results})
    with Workbench.open() as workbench, interruptible() as cancel:
        files = [workbench.library.resolve(one) for one in model or ()]
        task = workbench.create_pack(
            name or target.stem,
            files,
            target,
            form=form.value,
            signer=signer,
            part_bytes=part_bytes,
            extras=extras,
            with_settings=settings,
        )
        created = follow(task, _tell, name="pack", as_json=json, cancel=cancel)
    if json:
        output.emit(
            {"path": str(created.path), "identity": created.identity, "key_id": created.key_id,
             "total_bytes": created.total_bytes, "models": _models_json(created.manifest.models)}
        )  # fmt: skip
        return
    signed = f"signed with key {created.key_id}" if created.key_id else "not signed"
    output.out.print(f"{created.path}: {len(created.manifest.models)} models, {human_bytes(created.total_bytes)}, "
                     f"{signed}.", markup=False, soft_wrap=True)  # fmt: skip


@app.command()
def verify(
    pack: Annotated[Path, typer.Argument(help="A zip, a folder, or the folder of the parts.")],
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Check also what nobody signed whose key was accepted.")
    ] = False,
    json: Json = False,
) -> None:
    """Check every byte of a pack; nothing is installed."""
    with Workbench.open() as workbench:
        verified = _verified(workbench, pack, require_signature=not allow_unsigned, quiet=json)
    _show(verified, json=json)


@app.command("list")
def list_pack(
    pack: Annotated[Path, typer.Argument(help="A zip, a folder, or the folder of the parts.")], json: Json = False
) -> None:
    """Show what a pack says is in it, without reading the models."""
    with Workbench.open() as workbench:
        listed = run(workbench.packs.listing(pack))
    _show(listed, json=json)


@app.command()
def install(
    pack: Annotated[Path, typer.Argument(help="A zip, a folder, or the folder of the parts.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the licences without being asked.")] = False,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Install also what nobody signed whose key was accepted.")
    ] = False,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Install also where a newer pack of this name was installed.")
    ] = False,
    settings: Annotated[bool, typer.Option("--settings", help="Take over the settings in the pack.")] = False,
    json: Json = False,
) -> None:
    """Verify a pack completely, then put what is in it into its places: all of it, or nothing."""
    with Workbench.open() as workbench:
        verified = _verified(workbench, pack, require_signature=not allow_unsigned, quiet=json)
        if not json:
            _show(verified, json=False)
        agreed = _agree(verified, workbench.packs.unagreed(verified), yes=yes, quiet=json)
        with interruptible() as cancel:
            task = workbench.packs.install(verified, agreed=agreed, allow_older=allow_older)
            installed = follow(task, _tell, name="pack", as_json=json, cancel=cancel)
        if settings:
            workbench.take_settings(installed.settings)
        files = [workbench.library.resolve(str(path)) for path in installed.models]
    if json:
        output.emit(
            {
                "identity": installed.identity,
                "models": [{"name": file.name, "path": str(file.path), "present": file.path in installed.present}
                           for file in files],
                "files": [str(path) for path in installed.files],
                "settings": dict(installed.settings),
                "settings_taken": settings and bool(installed.settings),
            }
        )  # fmt: skip
        return
    for file in files:
        there = " (was here already)" if file.path in installed.present else ""
        output.out.print(f"{file.name}: {human_bytes(file.size_bytes)}{there}", markup=False)
    if installed.settings and not settings:
        output.out.print("The pack offers settings too; --settings takes them over.", style="dim")
    if files:
        output.out.print(f'Next: workbench chat -m {files[0].name} "…"', markup=False)


def _verified(workbench: Workbench, pack: Path, *, require_signature: bool, quiet: bool) -> Verified:
    with interruptible() as cancel:
        task = workbench.packs.verify(pack, require_signature=require_signature)
        return follow(task, _tell, name="pack", as_json=quiet, cancel=cancel)


def _agree(verified: Verified, missing: Sequence[PackedModel], *, yes: bool, quiet: bool) -> tuple[str, ...]:
    """The licences of the pack that the user agrees to now, each asked once where somebody can answer."""
    licences = tuple(dict.fromkeys(model.licence for model in missing if model.licence))
    if quiet and yes:
        return licences
    for licence in licences:
        terms = Terms.of(licence)
        output.err.print(terms_words.headline(terms), style="bold", markup=False, soft_wrap=True)
        for sentence in terms_words.sentences(terms, multimodal=False):
            output.err.print(f"· {sentence}", markup=False, soft_wrap=True)
        for model in missing:
            if model.licence == licence and model.licence_texts:
                output.err.print(f"  {model.name}: its text is {', '.join(model.licence_texts)} in {verified.path}",
                                 style="dim", markup=False, soft_wrap=True)  # fmt: skip
        asked = not yes and sys.stdin.isatty() and sys.stderr.isatty()
        if asked and not typer.confirm("Do you agree?", default=False, err=True):
            raise Cancelled
        if not yes and not asked:
            raise PackConsentError(
                f"The licence “{terms.title}” has to be agreed to before the pack is installed.",
                hint="Read its text in the pack; --yes agrees to it.",
            )
    return licences


def _extras(given: dict[ExtraKind, list[Path] | None]) -> tuple[Extra, ...]:
    return tuple(Extra(kind, path.name, path) for kind, paths in given.items() for path in paths or ())


def _tell(event: PackProgress) -> Told:
    values = {
        "phase": event.phase,
        "path": event.path,
        "done_bytes": event.done_bytes,
        "total_bytes": event.total_bytes,
    }
    return Told(f"{event.phase} {event.path}".strip(), event.done_bytes, event.total_bytes, event=values)


def _show(listed: Listed, *, json: bool) -> None:
    manifest = listed.manifest
    if json:
        output.emit(
            {
                "path": str(listed.path),
                "identity": listed.identity,
                "name": manifest.name,
                "created_at": manifest.created_at.isoformat(),
                "program": manifest.program,
                "engine": manifest.engine,
                "verified": isinstance(listed, Verified),
                "signed": _signed_json(listed.signed),
                "total_bytes": manifest.total_bytes,
                "models": _models_json(manifest.models),
                "licences": list(listed.licences),
                "entries": [
                    {"path": entry.path, "kind": entry.kind, "size_bytes": entry.size_bytes, "sha256": entry.sha256}
                    for entry in manifest.entries
                ],
                "settings": dict(listed.settings),
            }
        )
        return
    signed = listed.signed
    who = f": {signed.key.label or signed.key_id}" if signed.key is not None else ""
    output.out.print(f"{manifest.name}, {manifest.created_at.date().isoformat()}, {human_bytes(manifest.total_bytes)}, "
                     f"{STANDING[signed.standing]}{who}", style="bold", markup=False, soft_wrap=True)  # fmt: skip
    output.out.print(_table(manifest.models))
    others = [entry for entry in manifest.entries if entry.kind in ("catalogue", "suite", "results", "settings")]
    for entry in others:
        output.out.print(f"{entry.kind}: {entry.path}, {human_bytes(entry.size_bytes)}", markup=False, soft_wrap=True)
    output.out.print("Every byte is what the list says." if isinstance(listed, Verified)
                     else "Not checked yet: workbench pack verify reads every byte.", style="dim")  # fmt: skip


def _signed_json(signed: Signed) -> dict[str, Any]:
    return {
        "standing": signed.standing,
        "key_id": signed.key_id,
        "key": signed.key.line if signed.key is not None else None,
        "label": signed.key.label if signed.key is not None else None,
        "comment": signed.comment,
    }


def _models_json(models: Sequence[PackedModel]) -> list[dict[str, Any]]:
    return [
        {
            "name": model.name,
            "title": model.title,
            "family": model.family,
            "architecture": model.architecture,
            "quantisation": model.quantisation,
            "parameter_count": model.parameter_count,
            "files": list(model.files),
            "companions": list(model.companions),
            "licence": model.licence,
            "licence_texts": list(model.licence_texts),
            "repository": model.repository,
            "commit": model.commit,
        }
        for model in models
    ]


def _table(models: Sequence[PackedModel]) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "quantisation", "licence"):
        rows.add_column(title, overflow="fold")
    for model in models:
        rows.add_row(*(text.replace("[", "\\[") for text in (model.name, model.quantisation, model.licence or "–")))
    return rows
