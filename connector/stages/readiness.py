"""What must be there before a stage may start; without it messages would be stranded, so the stage refuses instead."""

from collections.abc import Mapping

from connector.kafka.clients import Admin, TopicMissing


async def require_topics(admin: Admin, at_least: Mapping[str, int]) -> dict[str, int]:
    """How many partitions the topics have. Raises `TopicMissing` where one is missing or has too few."""
    found = await admin.topics(list(at_least))
    faults = []
    for name, needed in at_least.items():
        state = found.get(name)
        if state is None:
            faults.append(f"{name} does not exist")
        elif state.partitions < needed:
            faults.append(f"{name} has {state.partitions} partitions and needs {needed}")
    if faults:
        raise TopicMissing(f"{'; '.join(faults)}: run `connector topics create`")
    return {name: state.partitions for name, state in found.items()}
