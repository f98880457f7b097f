import createClient from "openapi-fetch";
import type { components, operations, paths } from "./schema";

const api = createClient<paths>({ baseUrl: "http://127.0.0.1:8000" });

// Only the model is required.
const least: components["schemas"]["JobRequest"] = { model: "wan2.6-t2v" };
// @ts-expect-error the model is missing
const none: components["schemas"]["JobRequest"] = { prompt: "a fox" };
// @ts-expect-error misspelt
const wrong: components["schemas"]["JobRequest"] = { model: "wan2.6-t2v", promt: "a fox" };

export async function render(): Promise<string | null> {
  const created = await api.POST("/v1/jobs", {
    body: { model: "wan2.6-t2v", prompt: "a fox", duration: 5 },
    params: { header: { "Idempotency-Key": "order-7" } },
  });
  if (created.data === undefined) throw new Error(created.error.detail);
  const id: string = created.data.id;
  const read = await api.GET("/v1/jobs/{job_id}", { params: { path: { job_id: id } } });
  return read.data?.asset?.url ?? null;
}

export async function cancel(id: string): Promise<void> {
  await api.POST("/v1/jobs/{job_id}/cancel", { params: { path: { job_id: id } }, body: {} });
  await api.PUT("/v1/campaigns/{name}", { params: { path: { name: "autumn" } }, body: { budget: { amount: "5", currency: "USD" } } });
}

export type Created = operations["createJob"]["responses"][201]["content"]["application/json"];
export { least, none, wrong };
