/** The calls of the API, as the page makes them. */

import { settings } from "./settings.svelte";
import { EventParser } from "./sse";
import type { Detection, Model, Video, VideoPage } from "./types";

/** What went wrong, for people and for the page. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    /** The field that was wrong. */
    readonly param: string | null = null,
  ) {
    super(message);
  }
}

/** A form field: a text, a number, a file, or nothing. */
export type Value = string | number | Blob | null | undefined;

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (settings.key) headers.set("authorization", `Bearer ${settings.key}`);
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem("", 0, "offline");
  }
  if (answer.ok) {
    settings.needsKey = false;
    return answer;
  }
  if (answer.status === 401) settings.needsKey = true;
  const body = await answer.json().catch(() => null);
  const { message = answer.statusText, code = "unknown", param = null } = body?.error ?? {};
  throw new Problem(message, answer.status, code, param);
}

const json = async <T>(path: string, init?: RequestInit): Promise<T> => (await call(path, init)).json();

/** A form of what was said; what was left out is the server's to choose. */
export function form(fields: Record<string, Value>): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined || value === "") continue;
    if (value instanceof Blob) made.set(name, value, value instanceof File ? value.name : "file");
    else made.set(name, String(value));
  }
  return made;
}

/** Asks for a video by the call of this name: nothing for one of a prompt, or `edits`, `extensions`, … */
export function make(kind: string, fields: Record<string, Value>): Promise<Video> {
  return json(kind ? `/v1/videos/${kind}` : "/v1/videos", { method: "POST", body: form(fields) });
}

export const list = (after?: string | null, limit = 50): Promise<VideoPage> =>
  json(`/v1/videos?limit=${limit}${after ? `&after=${after}` : ""}`);
export const look = (id: string): Promise<Video> => json(`/v1/videos/${id}`);
export const cancel = (id: string): Promise<Video> => json(`/v1/videos/${id}/cancel`, { method: "POST" });
export const remove = (id: string): Promise<unknown> => json(`/v1/videos/${id}`, { method: "DELETE" });
export const models = (): Promise<{ data: Model[] }> => json("/v1/models");
export const detect = (what: { file: Blob } | { id: string }): Promise<Detection> =>
  json("/v1/detect", { method: "POST", body: form("file" in what ? { file: what.file } : { "video[id]": what.id }) });

/** Where a file of a video is. A browser sends no key with a picture, so that with one it is fetched first. */
export async function media(id: string, variant: "video" | "thumbnail" = "video"): Promise<string> {
  const path = `/v1/videos/${id}/content?variant=${variant}`;
  if (!settings.key) return path;
  return URL.createObjectURL(await (await call(path)).blob());
}

/** Hears what happens to a video until its end. */
export async function follow(
  id: string,
  hear: (name: string, data: Record<string, unknown>) => void,
  signal: AbortSignal,
): Promise<void> {
  const answer = await call(`/v1/videos/${id}/events`, { signal });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    for (const event of parser.push(read.value)) hear(event.name, JSON.parse(event.data));
  }
}
