"""A call of the AI SDK (``generateText``, ``streamText``) as a request of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reelqueue.qwen.ai_sdk.messages import Object, check_names, refuse, translated_messages, translated_system
from reelqueue.qwen.request import TextRequest, parse_text_request
from reelqueue.qwen.settings import DEFAULT_TEXT_BASE_URL, QwenSettings, read_settings

_PLAIN: Final = frozenset(
    {"maxOutputTokens", "temperature", "topP", "topK", "presencePenalty", "frequencyPenalty", "seed", "stopSequences"}
)
_PROVIDER: Final = frozenset({"enableThinking", "thinkingBudget", "preserveThinking", "parallelToolCalls"})
_TRANSLATED: Final = frozenset(
    {
        "headers", "instructions", "messages", "output", "prompt", "providerOptions", "reasoning", "responseFormat",
        "system", "toolChoice", "tools",
    }
)  # fmt: skip
# Of the SDK's own work around the call: they change nothing about its first request.
_AROUND: Final = frozenset(
    {"abortSignal", "activeTools", "allowSystemInMessages", "maxRetries", "stopWhen", "telemetry", "timeout"}
)
_TOOL: Final = frozenset({"type", "description", "inputSchema", "strict", "result", "execute", "title", "outputSchema"})
_SETTINGS: Final = frozenset({"baseURL", "apiKey", "headers", "includeUsage"})
_UNUSED_SETTINGS: Final = frozenset({"fetch", "videoBaseURL", "embeddingBaseURL"})
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"


def translated_settings(settings: object) -> QwenSettings:
    """The provider's settings; models that may think are left to decide, as the SDK leaves them.

    Raises:
        ConfigurationError: One cannot be used.
        InvalidRequestError: One is not known.
    """
    given = _object(settings, "settings")
    check_names(given, _SETTINGS | _UNUSED_SETTINGS, "settings")
    kept = {name: value for name, value in given.items() if name in _SETTINGS and value is not None}
    if isinstance(kept.get("headers"), Mapping):
        kept["headers"] = {name: value for name, value in kept["headers"].items() if value is not None}
    return read_settings({"baseURL": DEFAULT_TEXT_BASE_URL, **kept, "thinking": "model"})


def translated_request(model: object, options: object) -> TextRequest:
    """The request that a call with these options makes first.

    Raises:
        InvalidRequestError: An option is not known, or has a value that cannot be sent.
    """
    given = _object(options, "options")
    check_names(given, _PLAIN | _TRANSLATED | _AROUND, "options")
    request: Object = {name: value for name, value in given.items() if name in _PLAIN}
    request |= {"model": model, "messages": _conversation(given), **_provider_options(given.get("providerOptions"))}
    if given.get("reasoning") not in {None, "provider-default"}:
        request["reasoning"] = given["reasoning"]
    if tools := _object(given.get("tools"), "tools"):
        request["tools"] = [_tool(name, tool) for name, tool in tools.items()]
        request["toolChoice"] = given.get("toolChoice")
    if isinstance(headers := given.get("headers"), Mapping):
        request["headers"] = {name: value for name, value in headers.items() if value is not None}
    request["responseFormat"] = _output(given.get("output")) or _response_format(given.get("responseFormat"))
    return parse_text_request(request)


def _conversation(given: Mapping[str, Any]) -> list[Object]:
    system = given.get("instructions", given.get("system"))
    head = [] if system is None else translated_system(system)
    prompt, messages = given.get("prompt"), given.get("messages")
    if (prompt is None) == (messages is None):
        raise refuse("missing_option", "give either prompt or messages", "prompt")
    told = messages if prompt is None else prompt
    if isinstance(told, str):
        return [*head, {"role": "user", "content": told}]
    if not told:
        raise refuse("missing_option", "messages must not be empty")
    return [*head, *translated_messages(told)]


def _provider_options(options: object) -> Object:
    namespaces = _object(options, "providerOptions")
    check_names(namespaces, {"alibaba"}, "providerOptions")
    own = _object(namespaces.get("alibaba"), "providerOptions.alibaba")
    check_names(own, _PROVIDER, "providerOptions.alibaba")
    for name, value in own.items():
        if value is None:
            raise refuse("wrong_type", f"providerOptions.alibaba: {name} must not be null", name)
    return dict(own)


def _tool(name: str, tool: object) -> Object:
    given = _object(tool, f"tools.{name[:64]}")
    given = _object(given.get("$tool", given), f"tools.{name[:64]}")
    check_names(given, _TOOL, f"tools.{name[:64]}")
    if given.get("type", "function") not in {"function", "dynamic"}:
        raise refuse("unsupported_tool", f"tools.{name[:64]}: only functions can be sent", "tools")
    told = {"description": given.get("description"), "inputSchema": given.get("inputSchema")}
    return {"name": name, **told, "strict": given.get("strict")}


def _output(output: object) -> Object | None:
    if output is None:
        return None
    given = _object(output, "output")
    given = _object(given.get("$output", given), "output")
    kind, schema = given.get("kind"), given.get("schema")
    named = {"name": given.get("name"), "description": given.get("description")}
    match kind:
        case "text":
            return None
        case "json":
            return {"type": "json_object"}
        case "object":
            return {"type": "json_schema", "schema": schema, **named}
        case "array":
            return {"type": "json_schema", "schema": _wrapped_list(_object(schema, "output.schema"), given), **named}
        case "choice":
            words = given.get("options") or _object(schema, "output.schema").get("enum")
            return {"type": "json_schema", "schema": _wrapped({"result": {"type": "string", "enum": words}}), **named}
        case _:
            raise refuse("unknown_option", f"output: {kind!r:.64} is no kind of output", "output")


def _wrapped_list(schema: Mapping[str, Any], given: Mapping[str, Any]) -> Object:
    shared = {name: schema[name] for name in ("definitions", "$defs") if name in schema}
    item = {name: value for name, value in schema.items() if name not in {"$schema", *shared}}
    bounds = {name: given[name] for name in ("minItems", "maxItems") if given.get(name) is not None}
    wrapped = _wrapped({"elements": {"type": "array", "items": item, **bounds}})
    return {"$schema": _DRAFT, **shared, **wrapped}


def _wrapped(properties: Object) -> Object:
    return {
        "$schema": _DRAFT,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _response_format(form: object) -> Object | None:
    given = _object(form, "responseFormat")
    if given.get("type") != "json":
        return None
    if given.get("schema") is None:
        return {"type": "json_object"}
    return {**given, "type": "json_schema"}


def _object(value: object, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refuse("wrong_type", f"{where}: must be an object", where)
    return value
