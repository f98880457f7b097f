// Reads cases as `python -m reelqueue.qwen.vectors` does, makes each call with the published packages, and writes the
// request that they would send. Nothing leaves the process: `fetch` is replaced.
import { createInterface } from "node:readline";
import { createAlibaba } from "@ai-sdk/alibaba";
import { Output, generateText, jsonSchema, streamText, tool } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false;

const MARKERS = {
  $bytes: (text) => Uint8Array.from(Buffer.from(text, "base64")),
  $url: (text) => new URL(text),
  $undefined: () => undefined,
  $tool: ({ inputSchema, result, ...rest }) => tool({ ...rest, inputSchema: jsonSchema(inputSchema) }),
  $output: ({ kind, schema, ...rest }) => {
    if (kind === "object") return Output.object({ ...rest, schema: jsonSchema(schema) });
    if (kind === "array") return Output.array({ ...rest, element: jsonSchema(schema) });
    if (kind === "choice") return Output.choice({ ...rest, options: schema.enum });
    return kind === "json" ? Output.json(rest) : Output.text();
  },
};

function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== "object") return value;
  const names = Object.keys(value);
  if (names.length === 1 && names[0] in MARKERS) {
    const inner = names[0] === "$tool" || names[0] === "$output" ? value[names[0]] : decode(value[names[0]]);
    return MARKERS[names[0]](inner);
  }
  return Object.fromEntries(names.map((name) => [name, decode(value[name])]));
}

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const said = { role: "assistant", content: '{"result":"a","elements":[]}' };
const head = { id: "chatcmpl-1", model: "m", created: 1 };
const whole = { ...head, choices: [{ index: 0, finish_reason: "stop", message: said }], usage };
const chunk = { ...head, choices: [{ index: 0, finish_reason: "stop", delta: said }], usage };

async function capture({ model, stream, settings, options }) {
  let seen;
  const fetch = async (url, { headers, body }) => {
    seen ??= { url: String(url), headers: Object.fromEntries(new Headers(headers).entries()), body: JSON.parse(body) };
    return stream
      ? new Response(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`, { headers: { "content-type": "text/event-stream" } })
      : Response.json(whole);
  };
  const call = { ...decode(options), model: createAlibaba({ ...decode(settings ?? {}), fetch })(model), maxRetries: 0 };
  try {
    if (stream) await streamText({ ...call, allowSystemInMessages: true, onError: () => {} }).consumeStream();
    else await generateText({ ...call, allowSystemInMessages: true });
  } catch (error) {
    if (!seen) return { error: { code: error.name, message: String(error.message) } };
  }
  return seen ?? { error: { code: "nothing", message: "no request was made" } };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await capture(JSON.parse(line))));
}
