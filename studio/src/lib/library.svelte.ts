/** All videos, and what happens to those that are being made. */

import * as api from "./api";
import { speaker } from "./say.svelte";
import type { Live, Model, Video } from "./types";
import { t } from "./words.svelte";

const PAUSE_MS = 1500;
const LONG_PAUSE_MS = 10_000;
/** A browser keeps few connections to one server; what waits is heard of by asking. */
const MOST_FOLLOWED = 2;
const QUARTERS = 25;

export const isPending = (video: Video): boolean => video.status === "queued" || video.status === "in_progress";

class Library {
  videos = $state<Video[]>([]);
  live = $state<Record<string, Live>>({});
  model = $state<Model | null>(null);
  hasMore = $state(false);
  isLoaded = $state(false);
  isOffline = $state(false);

  pending = $derived(this.videos.filter(isPending).reverse());
  finished = $derived(this.videos.filter((video) => !isPending(video)));

  private last: string | null = null;
  private followed = new Map<string, AbortController>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private quarters = new Map<string, number>();

  find(id: string): Video | undefined {
    return this.videos.find((video) => video.id === id);
  }

  /** Begins to look, and goes on looking. */
  async watch(): Promise<void> {
    clearTimeout(this.timer);
    try {
      if (!this.model) this.model = (await api.models()).data[0] ?? null;
      if (!document.hidden || !this.isLoaded) await this.refresh();
      if (this.isOffline) speaker.news(t("back"));
      this.isOffline = false;
    } catch (error) {
      const wasOffline = this.isOffline;
      this.isOffline = error instanceof api.Problem && error.code === "offline";
      if (!wasOffline && !(error instanceof api.Problem && error.status === 401)) speaker.problem(error);
    }
    this.isLoaded = true;
    const pause = this.pending.length > 0 || this.isOffline ? PAUSE_MS : LONG_PAUSE_MS;
    this.timer = setTimeout(() => void this.watch(), pause);
  }

  private async refresh(): Promise<void> {
    const page = await api.list();
    const known = new Set(page.data.map((video) => video.id));
    const oldest = page.data.at(-1)?.created_at ?? 0;
    // What is older than the page stays; what should be on it and is not was deleted elsewhere.
    const rest = page.has_more
      ? this.videos.filter((video) => !known.has(video.id) && video.created_at <= oldest)
      : [];
    if (rest.length === 0) {
      this.last = page.last_id;
      this.hasMore = page.has_more;
    }
    page.data.forEach((video) => this.noticeEnd(video));
    this.videos = [...page.data, ...rest];
    this.followSome();
  }

  /** Older ones. */
  async more(): Promise<void> {
    const page = await api.list(this.last);
    const known = new Set(this.videos.map((video) => video.id));
    this.videos = [...this.videos, ...page.data.filter((video) => !known.has(video.id))];
    this.last = page.last_id;
    this.hasMore = page.has_more;
  }

  /** A video that was asked for, or changed. */
  put(video: Video): void {
    this.noticeEnd(video);
    const place = this.videos.findIndex((known) => known.id === video.id);
    if (place < 0) this.videos = [video, ...this.videos];
    else this.videos[place] = video;
    this.followSome();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.watch(), PAUSE_MS);
  }

  async cancel(id: string): Promise<void> {
    this.put(await api.cancel(id));
  }

  async remove(id: string): Promise<void> {
    await api.remove(id);
    this.videos = this.videos.filter((video) => video.id !== id);
  }

  private noticeEnd(video: Video): void {
    const before = this.find(video.id);
    if (!before || !isPending(before) || isPending(video)) return;
    this.followed.get(video.id)?.abort();
    delete this.live[video.id];
    const prompt = video.prompt ?? "";
    if (video.status === "completed") speaker.say(t("say.done", { prompt }));
    else if (video.error?.code !== "cancelled") speaker.say(t("say.failed", { prompt }));
  }

  private followSome(): void {
    const running = this.videos.filter((video) => video.status === "in_progress");
    for (const { id } of running.slice(0, MOST_FOLLOWED - this.followed.size)) {
      if (!this.followed.has(id)) void this.follow(id);
    }
  }

  private async follow(id: string): Promise<void> {
    const stop = new AbortController();
    this.followed.set(id, stop);
    try {
      await api.follow(id, (name, data) => this.hear(id, name, data), stop.signal);
    } catch {
      // Asking again will tell.
    }
    this.followed.delete(id);
  }

  private hear(id: string, name: string, data: Record<string, unknown>): void {
    const now = this.live[id] ?? { progress: 0 };
    if (name === "queued") this.live[id] = { ...now, position: Number(data.position) };
    if (name === "progress") {
      const progress = Number(data.progress);
      this.live[id] = {
        ...now, progress, phase: String(data.phase), step: Number(data.step), total: Number(data.total_steps),
      };
      const quarter = Math.floor(progress / QUARTERS);
      if (quarter > (this.quarters.get(id) ?? 0)) {
        this.quarters.set(id, quarter);
        speaker.say(t("say.progress", { percent: quarter * QUARTERS }));
      }
    }
    if (name === "preview") this.live[id] = { ...now, preview: String(data.image) };
    if (name === "done") this.put(data as unknown as Video);
  }
}

export const library = new Library();
