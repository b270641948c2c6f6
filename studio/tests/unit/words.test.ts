import { expect, test } from "vitest";
import { en } from "../../src/lib/words/en";
import { zh } from "../../src/lib/words/zh";

const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("both languages say the same things", () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  for (const word of Object.keys(en) as (keyof typeof en)[]) {
    expect(zh[word].trim(), word).not.toBe("");
    if (word !== "story.things.hint") expect(holes(zh[word]), word).toEqual(holes(en[word]));
  }
});
