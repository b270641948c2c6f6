/** Keys that do something, as the help lists them. */

import type { Word } from "./words.svelte";

export interface Shortcut {
  keys: string[];
  does: Word;
  /** Where it works. */
  where: "page" | "clip";
}

export const SHORTCUTS: Shortcut[] = [
  { keys: ["n"], does: "key.prompt", where: "page" },
  { keys: ["Ctrl", "Enter"], does: "key.make", where: "page" },
  { keys: ["/"], does: "key.search", where: "page" },
  { keys: ["1"], does: "view.make", where: "page" },
  { keys: ["2"], does: "view.story", where: "page" },
  { keys: ["3"], does: "view.check", where: "page" },
  { keys: ["?"], does: "key.help", where: "page" },
  { keys: ["Space"], does: "key.play", where: "clip" },
  { keys: ["←", "→"], does: "key.step", where: "clip" },
  { keys: ["r"], does: "edit.remix", where: "clip" },
  { keys: ["e"], does: "edit.extend", where: "clip" },
  { keys: ["l"], does: "edit.loop", where: "clip" },
  { keys: ["b"], does: "edit.blend", where: "clip" },
  { keys: ["c"], does: "edit.recut", where: "clip" },
  { keys: ["Delete"], does: "delete", where: "clip" },
  { keys: ["Esc"], does: "close", where: "clip" },
];

/** Whether somebody is writing, or a key belongs to what has the focus. */
export function isTaken(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  const target = event.target as HTMLElement | null;
  const name = target?.tagName ?? "";
  if (name === "INPUT") return (target as HTMLInputElement).type !== "checkbox";
  return name === "TEXTAREA" || name === "SELECT" || Boolean(target?.isContentEditable);
}
