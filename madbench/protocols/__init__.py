"""Protocols: which examples train, which select, for how long, and what is scored. YAML in, frozen objects out."""

from madbench.protocols.loading import PROTOCOLS, json_schema, load_protocol
from madbench.protocols.schema import Condition, Protocol

__all__ = ["PROTOCOLS", "Condition", "Protocol", "json_schema", "load_protocol"]
