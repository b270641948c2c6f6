/** What is told to whoever looks, and to whoever listens. */

import { explain } from "./words.svelte";

export interface Notice {
  number: number;
  text: string;
  kind: "problem" | "news";
}

class Speaker {
  /** For screen readers. */
  spoken = $state("");
  notices = $state<Notice[]>([]);
  private count = 0;

  say(text: string): void {
    this.spoken = text;
  }

  news(text: string): void {
    this.add(text, "news");
  }

  problem(error: unknown): void {
    this.add(explain(error), "problem");
  }

  drop(number: number): void {
    this.notices = this.notices.filter((notice) => notice.number !== number);
  }

  private add(text: string, kind: Notice["kind"]): void {
    const number = ++this.count;
    this.notices = [...this.notices.filter((notice) => notice.text !== text).slice(-2), { number, text, kind }];
    if (kind === "news") setTimeout(() => this.drop(number), 6000);
  }
}

export const speaker = new Speaker();
