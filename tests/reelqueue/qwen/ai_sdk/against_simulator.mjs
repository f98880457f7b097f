// The published packages against a simulator: text, stream, tools and structured output; exits with 1 where one fails.
import assert from "node:assert/strict";
import { createAlibaba } from "@ai-sdk/alibaba";
import { Output, generateText, isStepCount, jsonSchema, streamText, tool } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false;
const alibaba = createAlibaba({ baseURL: process.env.BASE_URL, apiKey: "sk-test" });
const schema = jsonSchema({ type: "object", properties: { town: { type: "string" } }, required: ["town"] });
const weather = tool({ inputSchema: schema, execute: async ({ town }) => `sunny in ${town}` });

const text = await generateText({ model: alibaba("qwen-plus"), prompt: "Hi", maxRetries: 0 });
assert.equal(text.text, "You said: Hi");
assert.equal(text.finishReason, "stop");

const thinking = { alibaba: { enableThinking: true } };
const stream = streamText({ model: alibaba("qwen-plus"), prompt: "Hi", providerOptions: thinking, maxRetries: 0 });
assert.equal(await stream.text, "You said: Hi");
assert.match(await stream.reasoningText, /^The question has 2/);
assert.ok((await stream.usage).outputTokens > 0);

for (const call of [generateText, streamText]) {
  const options = { tools: { weather }, stopWhen: isStepCount(3), maxRetries: 0 };
  const run = await call({ model: alibaba("qwen-plus"), prompt: "[[call=weather]] Hi", ...options });
  assert.equal(await run.text, "The tool said: sunny in text");
}

for (const model of ["qwen-plus", "qwen3.7-plus"]) {
  const providerOptions = { alibaba: { enableThinking: false } };
  const output = Output.object({ schema });
  const found = await generateText({ model: alibaba(model), prompt: "Hi", output, providerOptions, maxRetries: 0 });
  assert.deepEqual(found.output, { town: "text" });
}
