"""Every topic that the stages need, the collector's changelogs included; `connector topics` creates and checks them."""

from connector.kafka import topics
from connector.kafka.clients import TopicSpec
from connector.stages.collect import changelog_specs
from connector.stages.settings import StageConfig


def wanted_topics(config: StageConfig) -> list[TopicSpec]:
    """The topics as this configuration wants them; ValueError without an account."""
    public = topics.specs(config.kafka, len(config.slot_map()))
    return [*public, *changelog_specs(config.kafka, config.collect)]
