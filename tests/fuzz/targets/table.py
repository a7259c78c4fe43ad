"""Every target, and how many of a hundred inputs each gets: the more ways a stranger has, the more."""

from typing import Final

from tests.fuzz.runner import Target
from tests.fuzz.targets import config, deliveries, pdu, records, rows, session, unpacking

TARGETS: Final = {
    target.name: target
    for target in (
        Target(name="pdu", make=pdu.frame, check=pdu.check_frame, share=33),
        Target(name="tlv", make=pdu.parameter, check=pdu.check_parameter, share=10),
        Target(name="session", make=session.programme, check=session.check, share=14),
        Target(name="delivery", make=deliveries.delivery, check=deliveries.check_delivery, share=12),
        Target(name="collect", make=deliveries.batches, check=deliveries.check_batches, share=3),
        Target(name="record", make=records.record, check=records.check_record, share=14),
        Target(name="resolved", make=records.resolved, check=records.check_resolved, share=3),
        Target(name="schema", make=records.schema, check=records.check_schema_only, share=5),
        Target(name="unpacking", make=unpacking.batch, check=unpacking.check, share=2),
        Target(name="config", make=config.document, check=config.check, share=1),
        Target(name="rows", make=rows.file, check=rows.check, share=3),
    )
}
