import { createJob, followCampaign, getJob, listJobs, putCampaign } from "./hey";

export async function render(): Promise<string | null> {
  const created = await createJob({
    body: { model: "wan2.6-t2v", prompt: "a fox", duration: 5 },
    headers: { "Idempotency-Key": "order-7" },
    throwOnError: true,
  });
  const read = await getJob({ path: { job_id: created.data.id }, throwOnError: true });
  const failed = await listJobs({ query: { state: ["failed"] }, throwOnError: true });
  await putCampaign({ path: { name: "autumn" }, body: { budget: { amount: "5", currency: "USD" } } });
  // @ts-expect-error the model is missing
  await createJob({ body: { prompt: "a fox" } });
  return read.data.asset?.url ?? failed.data.next_cursor;
}

export { followCampaign };
