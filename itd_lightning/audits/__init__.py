"""Audits: could a result be an artefact? Each gives a number, a reference and a verdict in words."""
