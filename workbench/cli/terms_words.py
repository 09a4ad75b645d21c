"""A licence in plain words, and as JSON."""

from __future__ import annotations

from typing import Any

from workbench.hub.gate import Gate
from workbench.hub.terms import CommercialUse, Terms

COMMERCIAL: dict[CommercialUse, str] = {
    "yes": "commercial use allowed",
    "conditions": "commercial use under conditions",
    "research only": "research only, no commercial use",
    "unknown": "what it allows is not known to this program",
}


def headline(terms: Terms) -> str:
    """ "Gemma Terms of Use: commercial use under conditions"."""
    return f"{terms.title}: {COMMERCIAL[terms.commercial]}"


def sentences(terms: Terms, *, multimodal: bool) -> list[str]:
    """What one agrees to, a sentence each; the licence's own text is what binds."""
    said = [terms.summary, *terms.duties]
    said += [f"{one.measure}: up to {one.limit:,} {one.unit}. {one.then}" for one in terms.thresholds]
    said += terms.limits
    clause = terms.eu_clause(multimodal=multimodal)
    return said + ([clause] if clause is not None else []) + list(terms.notes)


def gate_notes(gate: Gate) -> list[str]:
    """What to know of this repository besides its licence's terms."""
    said = []
    if gate.file_licence is not None:
        said.append(f"Its files name another licence: {gate.file_licence}.")
    if gate.gated:
        said.append("The publisher asks for an account that has accepted the terms on the model's page.")
    if gate.agreed_before is not None and not gate.agreed:
        said.append(f"You agreed to it on {gate.agreed_before[:10]}, at an earlier revision of the repository.")
    return said


def gate_json(gate: Gate) -> dict[str, Any]:
    return {
        "id": gate.licence,
        "carried": gate.carried,
        "file_licence": gate.file_licence,
        "agreed": gate.agreed,
        "agreed_before": gate.agreed_before,
        "text_from": gate.text_from,
        "terms": as_json(gate.terms),
    }


def as_json(terms: Terms) -> dict[str, Any]:
    return {
        "id": terms.id,
        "title": terms.title,
        "known": terms.known,
        "commercial": terms.commercial,
        "summary": terms.summary,
        "duties": list(terms.duties),
        "limits": list(terms.limits),
        "thresholds": [
            {"measure": one.measure, "limit": one.limit, "unit": one.unit, "then": one.then} for one in terms.thresholds
        ],
        "eu_multimodal": terms.eu_multimodal,
        "notes": list(terms.notes),
        "links": [{"title": link.title, "address": link.address} for link in terms.links],
    }
