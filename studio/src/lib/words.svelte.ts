/** Words in the language that was chosen. */

import { Problem } from "./api";
import { settings } from "./settings.svelte";
import { en } from "./words/en";
import { zh } from "./words/zh";

export type Word = keyof typeof en;

/** A word, with `{names}` in it filled in. */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  const text: string = (settings.language === "zh" ? zh : en)[word];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

const has = (word: string): word is Word => word in en;

/** What went wrong, and what to do about it. */
export function explain(error: unknown): string {
  if (!(error instanceof Problem)) return t("error.page");
  const advice = `error.${error.code}`;
  const said = has(advice) ? t(advice) : "";
  if (!error.message) return said || t("error.page");
  // The server's own words name the field and what would work.
  return said ? `${said} ${error.message}` : error.message;
}
