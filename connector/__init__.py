"""Kafka to SMPP connector: outbound events in, SMS on the wire, receipts back as events."""

__version__ = "0.1.0"
