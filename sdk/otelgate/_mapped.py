"""Generated from collector/genai/mapping.yaml by `make generate`. Do not edit."""

from typing import Final

MAPPED: Final = frozenset(
    """
    agent.name
    embedding.model_name
    enduser.id
    gen_ai.agent.name
    gen_ai.conversation.id
    gen_ai.data_source.id
    gen_ai.openai.request.service_tier
    gen_ai.openai.response.service_tier
    gen_ai.provider.name
    gen_ai.request.model
    gen_ai.request.service_tier
    gen_ai.request.user
    gen_ai.response.finish_reason
    gen_ai.response.finish_reasons
    gen_ai.response.model
    gen_ai.response.service_tier
    gen_ai.response.stop_reason
    gen_ai.system
    gen_ai.tool.call.id
    gen_ai.tool.name
    gen_ai.user
    gen_ai.workflow.name
    llm.finish_reason
    llm.model_name
    llm.provider
    llm.request.model
    llm.request.model_name
    llm.response.finish_reason
    llm.response.model
    llm.response.model_name
    llm.response.stop_reason
    llm.system
    llm.user
    llm.vendor
    openai.request.service_tier
    openai.response.service_tier
    session.id
    tool.id
    tool.name
    traceloop.association.properties.lc_agent_name
    traceloop.association.properties.ls_model_name
    traceloop.association.properties.ls_provider
    traceloop.association.properties.ls_retriever_name
    traceloop.association.properties.session_id
    traceloop.association.properties.thread_id
    traceloop.association.properties.user_id
    traceloop.entity.name
    traceloop.workflow.name
    user.id
    """.split()  # noqa: SIM905
)
"""Attributes with names and ids that the gateway translates."""
